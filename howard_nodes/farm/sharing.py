"""Steps of a job that are one task for a short shot, and for a long one many, with one that joins them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["PART", "Sharing"]

PART = "Part"
"""The parameter of a task with the frames of its part: what it looks at, not what it makes."""

_SHORT_SECONDS = 1  # a frame, for what joins parts: hundreds of times what it takes


@dataclass(frozen=True)
class Sharing:
    """How the frames of a shot are shared among tasks.

    Attributes
    ----------
    count : int
        Frames of the shot.
    chunk : int
        Frames of a task; a shot with no more is one task.
    frames, size : str
        What stands for both in a template.
    script : callable
        Makes a step's script of a command's arguments and the seconds it may take.
    """

    count: int
    chunk: int
    frames: str
    size: str
    script: Callable[[list[str], int], dict[str, Any]]

    @property
    def is_shared(self) -> bool:
        """Whether there is more than one task."""
        return self.count > self.chunk

    def end(self, _begins: str, shared: str, joins: str) -> str:
        """Name the step that comes last, of the names that `steps` takes."""
        return joins if self.is_shared else shared

    def steps(
        self,
        names: tuple[str, str, str],
        about: str,
        args: list[str],
        seconds: int,
        *,
        needs: str | None,
        host: dict[str, Any],
    ) -> list[dict[str, Any]]:
        """Make the steps, each after the one before it.

        Parameters
        ----------
        names : tuple of str
            Of what begins, if anything does; of what is shared; and of what joins.
        about : str
            What all of it does.
        args : list of str
            Of the command for all frames; with ``--part`` it does a part.
        seconds : int
            That a frame may take.
        needs : str, optional
            The step before.
        host : dict
            What its machines must have.
        """
        begins, shared, joins = names
        whole: list[tuple[str, str, list[str], int]] = [(shared, about, [], self.count * seconds)]
        parts = [
            *(
                [(begins, "Looks at the whole shot first.", ["--part", "scout"], self.count * seconds)]
                * bool(begins)
            ),
            (
                shared,
                f"{about[:-1]}, in chunks.",
                ["--part", f"{{{{Task.Param.{PART}}}}}"],
                self.chunk * seconds,
            ),
            (joins, "Puts the chunks together.", ["--part", "join"], self.count * _SHORT_SECONDS),
        ]
        made = []
        for name, said, part, most in parts if self.is_shared else whole:
            step: dict[str, Any] = {"name": name, "description": said}
            if needs is not None:
                step["dependencies"] = [{"dependsOn": needs}]
            step["hostRequirements"] = host
            if self.is_shared and name == shared:
                step["parameterSpace"] = {"taskParameterDefinitions": [self._chunks()]}
            made.append(step | {"script": self.script([*args, *part], most)})
            needs = name
        return made

    def _chunks(self) -> dict[str, Any]:
        return {
            "name": PART,
            "type": "CHUNK[INT]",
            "range": self.frames,
            "chunks": {"defaultTaskCount": self.size, "rangeConstraint": "NONCONTIGUOUS"},
        }
