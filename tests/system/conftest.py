"""Windows, as far as it can be had elsewhere."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture
def on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Howard take its way of Windows."""
    monkeypatch.setattr(sys, "platform", "win32")
