"""A job on files: what `howard matte` and `howard plate` are asked for, and what the worker evaluates."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from howard_nodes.description.knob import checked, taken
from howard_nodes.description.options import OPTIONS, FileOptions
from howard_nodes.description.settings import KNOBS, ComputeSettings, FitSettings, MatteSettings
from howard_nodes.description.sockets import inputs_checked
from howard_nodes.errors import InputError

__all__ = ["FIT_NAMES", "Job"]

FIT_NAMES = (
    "plate",
    "clean_plate",
    "frames",
    "start_frame",
    "layer",
    "clean_layer",
    "clean_offset",
    "clean_start_frame",
    "clean_frames",
    "colorspace",
    "clean_colorspace",
    "ocio",
    *(knob.name for knob in KNOBS if knob.stage == "fit"),
)
"""What decides how a clean plate fits, by the names of the description."""


@dataclass(frozen=True, kw_only=True)
class Job(FileOptions, ComputeSettings):
    """All that a job on files is asked for. Patterns are as `howard_nodes.frames.open_footage` takes them.

    Inputs have the names of the node's sockets; its other fields are those of `FileOptions` and
    `ComputeSettings`.

    Attributes
    ----------
    plate : str
        Sequence, movie or still.
    clean_plate : str, optional
        The clean plate. A sequence or movie is paired by frame number where that fits, else by what the
        frames show. Only a job that builds a clean plate does without.
    output : str
        Pattern of the result.
    coarse_override, error_override, inside, outside : str, optional
        Mattes painted by hand, paired by frame number.
    fitting : FitSettings
        How the clean plate is made to fit.
    settings : MatteSettings
        How the network works.

    Raises
    ------
    InputError
        An option or knob that will not do.
    """

    plate: str
    output: str
    clean_plate: str | None = None
    coarse_override: str | None = None
    error_override: str | None = None
    inside: str | None = None
    outside: str | None = None
    fitting: FitSettings = field(default_factory=FitSettings)
    settings: MatteSettings = field(default_factory=MatteSettings)

    def __post_init__(self) -> None:
        FileOptions.__post_init__(self)
        ComputeSettings.__post_init__(self)

    @property
    def required_clean(self) -> str:
        """The clean plate, where a job cannot do without. Raises `InputError` where there is none."""
        if self.clean_plate is None:
            raise InputError(f"{self.plate}: no clean plate; give one.")
        return self.clean_plate

    def pattern(self, name: str) -> str | None:
        """Give what is connected to an input of the node's (`INPUTS`); None for nothing."""
        value: str | None = getattr(self, name)
        return value

    @classmethod
    def of(
        cls,
        inputs: Mapping[str, str | None],
        output: str,
        knobs: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        *,
        required: Collection[str] = ("plate", "clean_plate"),
    ) -> Job:
        """Make a job from the names of the node's description.

        Parameters
        ----------
        inputs : mapping of str to str
            Patterns by name of input (`howard_nodes.description.INPUTS`).
        output : str
            Pattern of the result.
        knobs, options : mapping of str to object, optional
            Any part of `KNOBS` and of `OPTIONS`, by name.
        required : collection of str
            Inputs that must be there.

        Returns
        -------
        Job
            Checked as far as is possible without looking at files.

        Raises
        ------
        InputError
            An unknown name, a value that will not do, or a missing input.
        """
        connected = inputs_checked(inputs, required)
        for name, pattern in (*connected.items(), ("output", output)):
            if not isinstance(pattern, str) or not pattern or "\0" in pattern:
                raise InputError(f"{name.replace('_', ' ')}: name a file or a pattern of files.")
        values = checked(knobs or {}, KNOBS)
        more: dict[str, Any] = dict(connected)
        more |= vars(taken(ComputeSettings, values)) | checked(options or {}, OPTIONS, "option")
        return cls(
            output=output,
            fitting=taken(FitSettings, values),
            settings=taken(MatteSettings, values),
            **more,
        )
