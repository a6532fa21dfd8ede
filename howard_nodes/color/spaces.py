"""Colour spaces: what files and configurations call them."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

__all__ = ["Resolved", "Space"]

# The same space under the names of the ASWF interop IDs, the ACES configurations and Blender's.
_LINEAR_REC709 = (
    "lin_rec709_scene",
    "lin_rec709_srgb",
    "lin_rec709",
    "Linear Rec.709 (sRGB)",
    "Linear Rec.709",
    "lin_srgb",
    "Utility - Linear - sRGB",
    "Utility - Linear - Rec.709",
)


_LINEAR_AP1 = ("lin_ap1_scene", "lin_ap1", "ACEScg", "ACES - ACEScg")


_LINEAR_AP0 = ("lin_ap0_scene", "lin_ap0", "ACES2065-1", "ACES - ACES2065-1")


_LINEAR_P3 = ("lin_p3d65_scene", "lin_p3d65", "Linear P3-D65", "Utility - Linear - P3-D65")


_LINEAR_REC2020 = ("lin_rec2020_scene", "lin_rec2020", "Linear Rec.2020", "Utility - Linear - Rec.2020")


_SRGB = (
    "srgb_rec709_scene",
    "srgb_tx",
    "srgb_texture",
    "sRGB Encoded Rec.709 (sRGB)",
    "sRGB - Texture",
    "Utility - sRGB - Texture",
    "sRGB",
)


_GAMMA22 = ("g22_rec709_scene", "g22_rec709", "g22_rec709_tx", "Gamma 2.2 Rec.709 - Texture")


_GAMMA24 = ("g24_rec709_scene", "g24_rec709", "g24_rec709_tx", "Gamma 2.4 Rec.709 - Texture")


# What movies are tagged with; the texture space has the same curve.
_REC1886 = ("g24_rec709_display", "rec1886_rec709_display", "Rec.1886 Rec.709 - Display", *_GAMMA24)


_LINEAR = (_LINEAR_REC709, _LINEAR_AP1, _LINEAR_AP0, _LINEAR_P3, _LINEAR_REC2020)


# Red, green, blue and white in x, y, as an EXR's chromaticities attribute has them.
_CHROMATICITIES = (
    ((0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290), _LINEAR_REC709),
    ((0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767), _LINEAR_AP1),
    ((0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767), _LINEAR_AP0),
    ((0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.3290), _LINEAR_P3),
    ((0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290), _LINEAR_REC2020),
)


@dataclass(frozen=True)
class Space:
    """A colour space as its configuration lists it."""

    name: str
    family: str
    encoding: str
    """`scene-linear`, `log`, `sdr-video`, `data`, ... or empty where the configuration does not say."""
    aliases: tuple[str, ...]


@dataclass(frozen=True)
class Resolved:
    """The colour space of a file, and why."""

    space: str
    """The configuration's own name for it."""
    reason: str
    """One line for the log: the file, the space, and what decided."""
    guessed: bool = False
    """True where neither the user nor the file said it and a file rule decided."""


def _other_names(name: str) -> tuple[str, ...]:
    """Give the names that other configurations have for a space."""
    groups = (*_LINEAR, _SRGB, _GAMMA22, _GAMMA24, _REC1886)
    return next((names for names in groups if name.lower() in map(str.lower, names)), ())


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", text.lower())


def _likeness(wanted: str, spelling: str) -> float:
    """Score 0 to 1; a name that begins with or holds what was typed counts as near."""
    if len(wanted) >= 3 and wanted in spelling:
        return 0.8 if spelling.startswith(wanted) else 0.7
    return difflib.SequenceMatcher(None, wanted, spelling).ratio()
