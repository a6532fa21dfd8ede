"""What a picture's file says of its colour."""

from __future__ import annotations

import struct
from pathlib import Path

import OpenImageIO as oiio  # noqa: N813

from howard_nodes.frames.header import text_of

__all__ = ["COLORSPACE_ATTRIBUTE", "tagged_colorspace"]

COLORSPACE_ATTRIBUTE = "howard:colorspace"
"""Our own colour tag. OpenImageIO drops names it does not know, among them all camera logs."""

# What a DPX says of its pixels, where that is enough to know the space; logarithmic does not say which log.
_DPX_SPACES = {
    "Linear": "lin_rec709_scene",
    "SMPTE 274M": "g24_rec709_display",
    "ITU-R 709-4": "g24_rec709_display",
    "ITU-R 601-5 system B or G": "g24_rec709_display",
    "ITU-R 601-5 system M": "g24_rec709_display",
}


def _png_chunks(path: Path) -> set[bytes]:
    """Names of the chunks before the first pixel data."""
    names: set[bytes] = set()
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, name = struct.unpack(">I4s", head)
            if name in (b"IDAT", b"IEND"):
                break
            names.add(name)
            file.seek(length + 4, 1)
    return names


def tagged_colorspace(spec: oiio.ImageSpec, file_format: str, path: Path) -> str | None:
    """Colour space that a file's own tags name; None where they name none.

    ``oiio:ColorSpace`` alone proves nothing: OpenImageIO sets it to sRGB for every PNG and JPEG. So the tag
    itself is looked for:

    - any format: our own ``howard:colorspace``;
    - EXR: ``colorInteropID``, the ACES container flag, or an ``oiio:ColorSpace`` in the header (but
      ``Linear`` and ``scene_linear``, which old OpenImageIO wrote into every file, name no primaries and do
      not count; neither do chromaticities alone);
    - PNG: the chunks cICP, sRGB, gAMA; from an ICC profile its description, if it has one;
    - WebP: its ICC profile's description, else sRGB, as its specification says;
    - TIFF and JPEG: Exif ColorSpace 1 (sRGB), or the ICC profile's description;
    - DPX: transfer ``Linear``, and those of video (BT.601 is taken for BT.709, as in movies).
      ``Logarithmic`` and ``Printing density`` do not say which log.

    Parameters
    ----------
    spec : OpenImageIO.ImageSpec
        The header.
    file_format : str
        OpenImageIO's format name (``openexr``, ``png`` ...).
    path : Path
        The file; PNG chunks are read from it.

    Returns
    -------
    str or None
        An OpenColorIO name or interop ID, as the file spells it.
    """
    own = text_of(spec, COLORSPACE_ATTRIBUTE)
    if own:
        return own
    guess = text_of(spec, "oiio:ColorSpace") or None
    if file_format == "openexr":
        named = text_of(spec, "colorInteropID")
        if named and named != "unknown":
            return named
        if spec.get_int_attribute("acesImageContainerFlag"):
            return "lin_ap0_scene"
        if guess is None or guess.lower() in ("linear", "scene_linear"):
            return None
        with path.open("rb") as file:
            return guess if b"oiio:ColorSpace\0string\0" in file.read(1 << 16) else None
    if file_format == "dpx":
        return _DPX_SPACES.get(text_of(spec, "dpx:Transfer"))
    if file_format == "webp" and not text_of(spec, "ICCProfile:profile_description"):
        return "srgb_rec709_scene"  # WebP's container specification: without a profile it is sRGB
    chunks = _png_chunks(path) if file_format == "png" else set()
    if b"cICP" in chunks:
        return guess
    profile = text_of(spec, "ICCProfile:profile_description")
    if profile:
        return "srgb_rec709_scene" if "srgb" in profile.lower() else profile
    if chunks & {b"sRGB", b"gAMA"}:
        return guess
    if spec.get_int_attribute("Exif:ColorSpace") == 1:
        return "srgb_rec709_scene"
    return None
