"""The node's knobs, declared where their values live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from howard_nodes.description.knob import Knob, check_fields, checked, knob, knobs_of

__all__ = [
    "KNOBS",
    "STAGES",
    "WORTH_REFINING",
    "ComputeSettings",
    "FitSettings",
    "MatteSettings",
    "knobs_checked",
]

STAGES = ("read", "fit", "coarse", "refine", "unmix", "solve")
"""What happens to a frame, in order; each needs those before it."""

_QUALITY, _REFINEMENT, _CLEAN, _COLOUR, _COMPUTE = (
    "Quality",
    "Refinement",
    "Clean plate",
    "Colour",
    "Computing",
)
# The authors' setting for HD; for 2160p they take four times as many.
_HD_AREA, _HD_REFINED = 1920 * 1080, 80_000
WORTH_REFINING = 0.02
"""Error, before it is calibrated, from which a pixel is refined, where their number is automatic."""
_CEILING = 1.5  # times that at most: hair everywhere costs more than a bald head, but not without end


class _Quality(NamedTuple):
    """What a quality chooses.

    The coarse stage's scale is halved from `first` on, until the longer side is at most `longest`; it looks
    at `looks` scales, each half of the one before, and at the first `mirrored` of them into the mirror too;
    `refined` times the usual pixels are refined.
    """

    first: float
    longest: int
    looks: int
    mirrored: int
    refined: float


_QUALITIES = {
    "draft": _Quality(0.5, 325, 1, 0, 0.5),
    "standard": _Quality(0.5, 650, 1, 0, 1.0),
    "high": _Quality(1.0, 1300, 3, 2, 4.0),
}


@dataclass(frozen=True)
class FitSettings:
    """How a clean plate is made to fit. Each field is a knob; see `KNOBS`."""

    align: str = knob(
        "auto",
        label="Align",
        help="How the clean plate is registered to the source footage.",
        group=_CLEAN,
        stage="fit",
        choices={
            "auto": (
                "Automatic",
                "A homography where one is needed, flow where it helps and for what moved.",
            ),
            "off": ("Off", "The clean plate is used as it is."),
            "homography": ("Homography", "A single plane, never optical flow."),
            "flow": ("Flow", "As automatic, with optical flow on every frame where it helps at all."),
        },
    )
    match_exposure: str = knob(
        "auto",
        label="Match exposure",
        help="Matches the clean plate to the source's exposure and white balance.",
        group=_CLEAN,
        stage="fit",
        choices={
            "auto": (
                "Automatic",
                "A gain per channel, and a smooth lighting change across the frame where there is one.",
            ),
            "off": ("Off", "The clean plate keeps its exposure."),
        },
    )

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def does_nothing(self) -> bool:
        """Whether clean plates are used as they are."""
        return self.align == "off" and self.match_exposure == "off"


@dataclass(frozen=True)
class MatteSettings:
    """How a matte is pulled. Each field is a knob; see `KNOBS`."""

    quality: str = knob(
        "standard",
        label="Quality",
        help="Sets the coarse stage's resolution and how many pixels are refined, where those are automatic.",
        group=_QUALITY,
        stage="coarse",
        choices={
            "draft": ("Draft", "Half the resolution and refined pixels of standard: fast, for a first look."),
            "standard": ("Standard", "The coarse stage sees 325 to 650 pixels along the longer side."),
            "high": (
                "High",
                "Median of five mattes, from up to twice standard's resolution and mirror images; up to four "
                "times the refined pixels. Seven times as slow as standard.",
            ),
        },
    )
    backbone_scale: float | None = knob(
        None,
        type="float",
        label="Backbone scale",
        help="Resolution of the coarse stage relative to the source.",
        group=_QUALITY,
        minimum=0.01,
        maximum=1.0,
        step=0.05,
        automatic="set by quality and frame size: at standard 1/4 for HD, 1/8 for UHD",
        manual=0.25,
        stage="coarse",
        metavar="S",
    )
    refine_mode: str = knob(
        "sampling",
        label="Refine mode",
        help="Which pixels are refined.",
        group=_REFINEMENT,
        stage="refine",
        flag="--refine",
        choices={
            "sampling": ("Sampling", "A set number of pixels, where the error map is highest."),
            "thresholding": ("Thresholding", "Every pixel whose error is above the threshold."),
            "full": ("Full", "Every pixel: slow, and needs more memory."),
        },
    )
    sample_pixels: int | None = knob(
        None,
        type="int",
        label="Pixels",
        help="How many pixels are refined in sampling mode.",
        group=_REFINEMENT,
        minimum=0,
        step=10_000,
        unit="pixels",
        automatic="set by quality, frame size and error map: at standard up to 120000 at 1920 x 1080",
        manual=_HD_REFINED,
        stage="refine",
        only_with=("refine_mode", "sampling"),
        flag="--refine-pixels",
        metavar="N",
    )
    threshold: float = knob(
        0.1,
        label="Threshold",
        help="Error above which pixels are refined in thresholding mode.",
        group=_REFINEMENT,
        minimum=0.0,
        maximum=1.0,
        step=0.01,
        stage="refine",
        only_with=("refine_mode", "thresholding"),
        metavar="T",
    )
    unmix: str = knob(
        "auto",
        label="Unmix",
        help="Solves edge alpha from the colours of source, clean plate and nearby foreground.",
        group=_REFINEMENT,
        stage="unmix",
        choices={
            "auto": ("Automatic", "At edges, and wherever the error map is high."),
            "off": ("Off", "Alpha comes from the network alone."),
        },
    )
    steadiness: int = knob(
        0,
        label="Steadiness",
        help="Temporal smoothing: blends alpha with N frames either side along optical flow, to reduce "
        "edge boil.",
        group=_REFINEMENT,
        minimum=0,
        maximum=3,
        step=1,
        unit="frames",
        stage="solve",
        metavar="N",
    )
    exposure: float | None = knob(
        None,
        type="float",
        label="Exposure",
        help="Stops added to what the network sees; the result keeps its exposure.",
        group=_COLOUR,
        minimum=-20.0,
        maximum=20.0,
        step=0.1,
        unit="stops",
        automatic="0, except for very dark or very bright clean plates",
        manual=0.0,
        stage="fit",
        metavar="STOPS",
    )

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def weighs_light(self) -> bool:
        """Whether a network weighs what the light says at edges, where the weights have one."""
        return self.quality != "draft"

    def scales_for(self, height: int, width: int) -> tuple[float, ...]:
        """Resolutions at which the coarse stage looks at a picture of this size, finest first, 0 to 1."""
        quality = _QUALITIES[self.quality]
        scale = self.backbone_scale
        if scale is None:
            scale = quality.first
            while max(height, width) * scale > quality.longest and scale > quality.first / 16:
                scale /= 2
        return tuple(scale / 2**i for i in range(quality.looks))

    @property
    def mirrored(self) -> int:
        """At how many of these resolutions, from the first on, it looks at the mirrored pictures too."""
        return _QUALITIES[self.quality].mirrored

    def pixels_for(self, height: int, width: int) -> int:
        """Pixels to refine in a picture of this size; where that is automatic, at most."""
        if self.sample_pixels is not None:
            return self.sample_pixels
        # With the area above HD, with its root below: the smaller a picture, the more of it is edge.
        size = height * width / _HD_AREA
        usual = _CEILING * _HD_REFINED * max(size, size**0.5) * _QUALITIES[self.quality].refined
        return min(height * width, round(usual))


@dataclass(frozen=True)
class ComputeSettings:
    """Where it is computed. Each field is a knob; see `KNOBS`."""

    weights: str | None = knob(
        None,
        type="text",
        label="Weights",
        help="Name or file of the network's weights; howard weights list shows what is installed.",
        group=_COMPUTE,
        automatic="the weights that ship with Howard",
        manual="",
        stage="fit",
        metavar="NAME|FILE",
    )
    device: str = knob(
        "auto",
        label="Device",
        help="Compute device.",
        group=_COMPUTE,
        stage="fit",
        choices={
            "auto": ("Automatic", "The GPU if there is one, else the CPU."),
            "cpu": ("CPU", "The processor."),
            "cuda": ("CUDA", "An NVIDIA GPU."),
            "mps": ("MPS", "GPU of an Apple Mac."),
        },
    )
    precision: str = knob(
        "auto",
        label="Precision",
        help="Numeric precision of the network.",
        group=_COMPUTE,
        stage="fit",
        choices={
            "auto": ("Automatic", "float16 on CUDA, else float32."),
            "float32": ("32 bit", "Full precision."),
            "float16": ("16 bit", "For GPUs: faster, with less memory."),
            "bfloat16": ("bfloat16", "Faster on CPUs; a pixel's alpha may change by up to 0.04."),
        },
    )

    def __post_init__(self) -> None:
        check_fields(self)


KNOBS: tuple[Knob, ...] = (*knobs_of(MatteSettings), *knobs_of(FitSettings), *knobs_of(ComputeSettings))
"""All knobs of the node, in the order hosts show them."""


def knobs_checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Make sure of some of the node's knobs.

    Parameters
    ----------
    values : mapping of str to object
        Any part of `KNOBS`, by name.

    Returns
    -------
    dict
        The same, as the knobs' types have them.

    Raises
    ------
    InputError
        An unknown knob or a value that will not do.
    """
    return checked(values, KNOBS)
