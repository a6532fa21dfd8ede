"""What is found: a name, a value, and where it is not well, what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Finding", "examined", "without_home"]


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes
    ----------
    name : str
        What was looked at; empty where the line goes on with the one above.
    value : str
        What was found.
    problem : str
        What is wrong and what to do about it; empty where all is well.
    """

    name: str
    value: str
    problem: str = ""


def examined(name: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    """Look at something, whatever comes of it: what it raises is a finding as well."""
    try:
        return look()
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        return [Finding(name, "cannot be told", f"{name}: {said}")]


def without_home(text: str) -> str:
    """Write `~` for the user's home folder: who asks a question need not tell their name."""
    home = str(Path.home())
    if len(home) < 4:
        return text
    ours = re.escape(home).replace(r"\\", r"[\\/]")
    return re.sub(ours + r"(?![\w.-])", "~", text, flags=re.IGNORECASE if "\\" in home else 0)
