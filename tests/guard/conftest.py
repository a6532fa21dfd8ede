from __future__ import annotations

from collections.abc import Iterator

import OpenImageIO as oiio  # noqa: N813
import pytest


@pytest.fixture(autouse=True)
def limits_as_before() -> Iterator[None]:
    """OpenImageIO's limits are the process's, and outlive the variables that tests set."""
    names = ("limits:imagesize_MB", "limits:channels")
    before = {name: oiio.get_int_attribute(name) for name in names}
    yield
    for name, value in before.items():
        oiio.attribute(name, value)
