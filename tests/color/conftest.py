from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from howard_nodes.color import ColorConfig


@pytest.fixture(autouse=True)
def no_ocio_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCIO", raising=False)


@pytest.fixture(scope="session")
def shipped() -> ColorConfig:
    return ColorConfig.load("howard")


@pytest.fixture(scope="session")
def studio() -> ColorConfig:
    return ColorConfig.load("ocio://studio-config-latest")


@pytest.fixture(scope="session")
def picture() -> NDArray[np.float32]:
    """67 x 301 x 3 linear Rec.709 light from deep shadow to 12, all hues, nothing negative."""
    rng = np.random.default_rng(2)
    level = np.geomspace(0.002, 12.0, 301, dtype=np.float32)[None, :, None]
    return (level * rng.uniform(0.25, 1.0, (67, 301, 3))).astype(np.float32)
