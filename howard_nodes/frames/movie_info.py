"""What a movie says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

__all__ = ["MovieInfo"]


@dataclass(frozen=True)
class MovieInfo:
    """What a movie says of itself, and what it was found to be.

    Attributes
    ----------
    container, codec, profile, pixel_format : str
        FFmpeg's names; profile is empty where the codec has none.
    width, height : int
        As it is shown: turned by `rotation`.
    pixel_aspect : float
        Width of a pixel divided by its height, as shown.
    frame_count : int
        Frames, those that cannot be decoded included.
    rate : Fraction or None
        Frames a second, the mean where it varies; None where a single frame tells nothing.
    variable_rate : bool
        Whether frames are shown for different times.
    duration : float
        Seconds.
    timecode : str
        Of the first frame as the movie spells it, empty where it has none.
    range : str
        ``limited`` or ``full``, as it is taken.
    matrix, primaries, transfer : str
        In words; ``not tagged`` where the movie does not say.
    chroma : str
        Where chroma lies: ``left``, ``center``, ``topleft`` ...; empty where it is as large as luma.
    colorspace : str or None
        What the tags come to, see `Movie.read`.
    rotation : int
        Degrees clockwise that the picture is turned for display.
    mirrored : bool
        Whether it is mirrored as well.
    interlaced : bool
        Whether frames are made of two fields.
    has_alpha : bool
        Whether there is alpha.
    """

    container: str
    codec: str
    profile: str
    pixel_format: str
    width: int
    height: int
    pixel_aspect: float
    frame_count: int
    rate: Fraction | None
    variable_rate: bool
    duration: float
    timecode: str
    range: str
    matrix: str
    primaries: str
    transfer: str
    chroma: str
    colorspace: str | None
    rotation: int
    mirrored: bool
    interlaced: bool
    has_alpha: bool
