"""The whole examination: what is around Howard, and in a process of its own, what is in it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from howard_nodes.doctor import programs, surroundings
from howard_nodes.doctor.findings import Finding, examined, without_home
from howard_nodes.system.processes import ending, window_flags

__all__ = ["Examination", "examine", "printed"]

_INSIDE = [sys.executable, "-P", "-m", "howard_nodes.doctor.inside"]
_INSIDE_SECONDS = 300.0  # a first start, from a slow disk, past a virus scanner
_LAST_WORDS = 3


@dataclass(frozen=True)
class Examination:
    """What was found.

    Attributes
    ----------
    findings : tuple of Finding
        In the order of the report.
    """

    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, and what to do about it."""
        return tuple(finding.problem for finding in self.findings if finding.problem)

    @property
    def verdict(self) -> str:
        """All of it in a word or two."""
        count = len(self.problems)
        return f"{count} problem{'s' if count > 1 else ''}" if count else "all is well"

    def document(self) -> dict[str, Any]:
        """Give it for programs."""
        return {
            "good": not self.problems,
            "verdict": self.verdict,
            "findings": [
                {"name": finding.name, "value": finding.value, "problem": finding.problem or None}
                for finding in self.findings
            ],
        }


def examine() -> Examination:
    """Look at everything. Takes some seconds; whatever is broken is a finding.

    Returns
    -------
    Examination
        The user's home folder is `~` in it.
    """
    looks: tuple[tuple[str, Callable[[], list[Finding]]], ...] = (
        ("howard", surroundings.howard),
        ("system", surroundings.system),
        ("inside", _inside),
        ("worker", programs.worker),
        ("blender", programs.blenders),
        ("folders", surroundings.folders),
        ("environment", surroundings.environment),
    )
    found = [finding for name, look in looks for finding in examined(name, look)]
    return Examination(
        tuple(
            Finding(finding.name, without_home(finding.value), without_home(finding.problem))
            for finding in found
        )
    )


def printed(examination: Examination) -> Iterator[str]:
    """Write it as lines for a question, verdict last."""
    width = max(len(finding.name) for finding in examination.findings)
    for finding in examination.findings:
        yield f"  {finding.name:{width}}  {finding.value}"
    yield f"howard doctor: {examination.verdict}"
    for problem in examination.problems:
        yield f"  {problem}"


def _inside() -> list[Finding]:
    try:
        done = subprocess.run(
            _INSIDE,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_INSIDE_SECONDS,
            check=False,
            creationflags=window_flags(),
        )
        said, log, how = done.stdout, done.stderr, ending(done.returncode) if done.returncode else ""
    except subprocess.TimeoutExpired as error:
        said, log = error.stdout or b"", error.stderr or b""
        how = f"no end after {_INSIDE_SECONDS:g} s"
    at, found = "python", list[Finding]()
    for line in said.decode("utf-8", "replace").splitlines():
        try:
            told = json.loads(line)
            if "at" in told:
                at = told["at"]
            else:
                found.append(Finding(told["name"], told["value"], told["problem"]))
        except (ValueError, TypeError, KeyError):
            continue  # libraries print when they like to
    if how:
        words = " ".join(log.decode("utf-8", "replace").split("\n")[-_LAST_WORDS - 1 :]).strip()
        problem = f"{at} ends the whole process ({how}): install Howard again. {words}".strip()
        found.append(Finding(at, f"ends the whole process: {how}", problem))
    return found
