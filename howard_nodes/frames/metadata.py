"""Header attributes: what travels from input to output, with its type."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813

from howard_nodes.frames.header import attributes_of

__all__ = [
    "TypedValue",
    "all_attributes",
    "carried_metadata",
    "set_attribute",
]


class TypedValue(tuple[Any, ...]):
    """A tuple that remembers its type in the file, so that it is written back as what it was.

    It compares and serialises (JSON) like the plain tuple.

    Parameters
    ----------
    values : iterable
        The numbers or strings.
    type : str
        OpenImageIO's name of the type, for example ``timecode``, ``rational``, ``matrix``, ``float[8]``.
    """

    type: str

    def __new__(cls, values: Iterable[Any], type: str = "") -> TypedValue:  # noqa: D102
        self = super().__new__(cls, values)
        self.type = type
        return self

    def __repr__(self) -> str:
        return f"TypedValue({tuple(self)!r}, {self.type!r})"


# Types whose printed name TypeDesc() does not read back, or reads as something else: their names in the
# module. (A TypeDesc kept in a module outlives OpenImageIO's own teardown, which then complains.)
_TYPES = {
    "vector2i": "TypeVector2i",
    "vector3i": "TypeVector3i",
    "vectori": "TypeVector3i",
    "vector2i[2]": "TypeBox2i",
    "float2[2]": "TypeBox2",
}

# Well-known attributes, for plain tuples and for text (a PNG keeps everything as text).
_KNOWN = {
    "smpte:timecode": "timecode",
    "smpte:keycode": "keycode",
    "framespersecond": "rational",
    "exposuretime": "float",
    "fnumber": "float",
    "screenwindowwidth": "float",
    "xresolution": "float",
    "yresolution": "float",
    "chromaticities": "float[8]",
    "worldtocamera": "matrix",
    "worldtondc": "matrix",
    "worldtoscreen": "matrix",
    "adoptedneutral": "float2",
    "screenwindowcenter": "float2",
}

# How OpenImageIO spells what EXR and other programs spell otherwise; it drops timeCode and keyCode.
_SPELLING = {
    "framespersecond": "framesPerSecond",
    "timecode": "smpte:TimeCode",
    "keycode": "smpte:KeyCode",
}

# Attributes that describe how one file encodes its pixels, or have a place of their own in Frame.
_ENCODING_PREFIXES = ("oiio:", "openexr:", "tiff:", "png:", "jpeg:", "thumbnail_", "iccprofile", "howard:")
_ENCODING = {
    "acesimagecontainerflag",
    "bitspersample",
    "channels",
    "chunkcount",
    "cicp",
    "colorinteropid",
    "compression",
    "datawindow",
    "displaywindow",
    "dwacompressionlevel",
    "exif:colorspace",
    "exif:exifversion",
    "exif:flashpixversion",
    "exif:gamma",
    "exif:pixelxdimension",
    "exif:pixelydimension",
    "gamma",
    "lineorder",
    "maxsamplesperpixel",
    "multiview",
    "name",
    "orientation",
    "pixelaspectratio",
    "planarconfig",
    "preview",
    "textureformat",
    "tiles",
    "type",
    "version",
    "view",
    # DPX header fields about packing and code values; the rest of dpx:* travels.
    "dpx:blackgain",
    "dpx:blacklevel",
    "dpx:breakpoint",
    "dpx:colorimetric",
    "dpx:dittokey",
    "dpx:endofimagepadding",
    "dpx:endoflinepadding",
    "dpx:highdata",
    "dpx:highquantity",
    "dpx:horizontalsamplerate",
    "dpx:imagedescriptor",
    "dpx:integrationtimes",
    "dpx:interlace",
    "dpx:lowdata",
    "dpx:lowquantity",
    "dpx:packing",
    "dpx:signal",
    "dpx:transfer",
    "dpx:version",
    "dpx:verticalsamplerate",
    "dpx:whitelevel",
}


_DPX_HEADERS = 2048  # bytes: the generic header, and that of film and television
_UNDEFINED = 2**32 - 1
_FASTEST = 1000  # frames a second


def _describes_encoding(name: str) -> bool:
    lower = name.lower()
    return lower in _ENCODING or lower.startswith(_ENCODING_PREFIXES)


def _timecode_from_text(text: str) -> tuple[int, int] | None:
    match = re.fullmatch(r"(\d\d)[:;](\d\d)[:;](\d\d)[:;](\d\d)", text.strip())
    if match is None:
        return None
    # SMPTE 12M: two decimal digits a byte, hours in the highest.
    packed = 0
    for digits in match.groups():
        packed = packed << 8 | int(digits, 16)
    return packed, 0


def _from_text(kind: str, text: str) -> TypedValue | float | None:
    """Read what `_as_text` wrote; None where the text is something else."""
    if kind == "timecode":
        timecode = _timecode_from_text(text)
        return None if timecode is None else TypedValue(timecode, kind)
    integral = kind in ("keycode", "rational")
    try:
        if kind == "float":
            return float(text)
        if kind == "rational" and "/" not in text:
            return TypedValue(_rational_rate(float(text)), kind)
        values = [int(n) if integral else float(n) for n in re.split(r"[\s,/]+", text.strip())]
    except (ValueError, OverflowError):
        return None
    size = {"keycode": 7, "rational": 2, "matrix": 16, "float[8]": 8, "float2": 2}[kind]
    return TypedValue(values, kind) if len(values) == size else None


def _well_known(name: str, value: Any) -> Any:
    """Give a well-known attribute its type, where it came as text or as a bare number."""
    kind = _KNOWN.get(name.lower())
    if kind is None:
        return value
    if isinstance(value, str):
        typed = _from_text(kind, value)
        return value if typed is None else typed
    if kind == "rational" and isinstance(value, int | float) and np.isfinite(value):
        return TypedValue(_rational_rate(value), kind)
    return value


def all_attributes(spec: oiio.ImageSpec) -> dict[str, Any]:
    """Every attribute of a header, by name, as plain values and `TypedValue`."""
    return {name: _value(name, kind, value) for name, kind, value in attributes_of(spec)}


def _value(name: str, kind: str, value: Any) -> Any:
    if isinstance(value, np.ndarray):
        value = tuple(value.ravel().tolist())
    if isinstance(value, tuple):
        return TypedValue(value, kind)
    return _well_known(name, value) if isinstance(value, str) else value


def carried_metadata(spec: oiio.ImageSpec, path: Path) -> dict[str, Any]:
    """Attributes that go on to the output: all but those that describe this file's encoding.

    A frame rate that a DPX keeps in its own field is carried as ``framesPerSecond``. What cannot be is left
    out: a timecode of 25 hours, a rate of 0, all that stands where a DPX has no film and television header.

    Parameters
    ----------
    spec : OpenImageIO.ImageSpec
        The header.
    path : Path
        The file.
    """
    found = {name: value for name, value in all_attributes(spec).items() if not _describes_encoding(name)}
    is_dpx = any(name.startswith("dpx:") for name in found)
    if is_dpx and not _has_industry_header(path):
        found = {
            name: value
            for name, value in found.items()
            if not name.lower().startswith(("dpx:", "smpte:")) and name.lower() != "framespersecond"
        }
    metadata: dict[str, Any] = {}
    for name, value in found.items():
        if name.lower().startswith("dpx:") and (
            value == 0 or (isinstance(value, float) and abs(value) > 1e30)
        ):
            continue  # DPX writers fill unused fields with 0 or all ones
        if name == "dpx:TimeCode" and "smpte:TimeCode" in found:
            continue
        if name in ("XResolution", "YResolution", "ResolutionUnit") and found.get("ResolutionUnit") == "none":
            continue  # how PNG says pixel aspect
        spelt = _SPELLING.get(name.lower(), name)
        if _can_be(spelt, value):
            metadata[spelt] = value
    if "framesPerSecond" not in metadata:
        for name in ("dpx:TemporalFrameRate", "dpx:FrameRate"):
            rate = metadata.get(name)
            if isinstance(rate, float) and 1 <= rate < _FASTEST:
                metadata["framesPerSecond"] = TypedValue(_rational_rate(rate), "rational")
                break
    return metadata


def _has_industry_header(path: Path) -> bool:
    """Whether a DPX has the film and television header of SMPTE 268M; others have pixels or nothing there."""
    with path.open("rb") as file:
        head = file.read(_DPX_HEADERS)
    if len(head) < _DPX_HEADERS or head[:4] not in (b"SDPX", b"XPDS"):
        return False
    order = ">" if head[:4] == b"SDPX" else "<"
    (pixels,) = struct.unpack_from(f"{order}I", head, 4)
    (length,) = struct.unpack_from(f"{order}I", head, 28)
    return pixels >= _DPX_HEADERS and length not in (0, _UNDEFINED)


def _can_be(name: str, value: Any) -> bool:
    """Whether a well-known attribute has a value that it can have: fields that nobody filled in do not."""
    lower, kind = name.lower(), _KNOWN.get(name.lower())
    try:
        if lower == "smpte:timecode":
            return isinstance(value, str) or _is_timecode(int(value[0]))
        if lower == "smpte:keycode" and not isinstance(value, str):
            most = (99, 99, 999_999, 9_999, 119, 15, 120)
            within = all(0 <= n <= limit for n, limit in zip(value, most, strict=True))
            return within and any(value[:4])
        if lower == "chromaticities":
            whole = not isinstance(value, str) and len(value) == 8
            return whole and bool(np.isfinite(np.asarray(value, np.float64)).all())
        if lower == "framespersecond" and kind == getattr(value, "type", ""):
            return value[1] > 0 and 1 <= value[0] / value[1] < _FASTEST
    except (TypeError, ValueError, IndexError):
        return False
    return True


def _is_timecode(packed: int) -> bool:
    """Whether the digits of a timecode, without its flags, are digits of a time."""
    fields = (
        (packed >> 24 & 0x3F, 23),
        (packed >> 16 & 0x7F, 59),
        (packed >> 8 & 0x7F, 59),
        (packed & 0x3F, 59),
    )
    return all(field & 15 <= 9 and (field >> 4) * 10 + (field & 15) <= most for field, most in fields)


def _rational_rate(rate: float) -> tuple[int, int]:
    ntsc = round(rate * 1.001) * 1000  # 23.976, 29.97, 59.94
    if abs(rate - round(rate)) > 1e-3 and abs(rate - ntsc / 1001) < 5e-3:
        return ntsc, 1001
    return Fraction(rate).limit_denominator(1000).as_integer_ratio()


def _plain_tuple(name: str, values: tuple[Any, ...]) -> TypedValue | str | None:
    if not values:
        return None
    known = _KNOWN.get(name.lower())
    if known is not None:
        return TypedValue(values, known)
    if all(isinstance(v, str) for v in values):
        return TypedValue(values, f"string[{len(values)}]")
    if not all(isinstance(v, int | float | np.number) for v in values):
        return json.dumps(values, ensure_ascii=False, default=str)
    if all(isinstance(v, int | np.integer) for v in values) and len(values) in (2, 3):
        return TypedValue(map(int, values), f"vector{len(values)}i")
    kinds = {2: "float2", 3: "vector", 9: "matrix33", 16: "matrix"}
    return TypedValue(map(float, values), kinds.get(len(values), f"float[{len(values)}]"))


def _as_text(value: Any) -> str:
    kind = getattr(value, "type", "")
    if kind == "timecode":
        # Hours and frames have six bits, minutes and seconds seven; what is above them are flags.
        fields = ((24, 0x3F), (16, 0x7F), (8, 0x7F), (0, 0x3F))
        return ":".join(f"{value[0] >> shift & mask:02x}" for shift, mask in fields)
    if kind == "rational":
        return f"{value[0]}/{value[1]}"
    return " ".join(str(v) for v in value) if isinstance(value, tuple) else str(value)


def _type(name: str) -> oiio.TypeDesc:
    return getattr(oiio, _TYPES[name]) if name in _TYPES else oiio.TypeDesc(name)


def set_attribute(spec: oiio.ImageSpec, name: str, value: Any, *, as_text: bool = False) -> None:
    """Put one attribute into a header that is about to be written.

    Attributes that describe encoding are left out, the ``howard:`` ones excepted.

    Parameters
    ----------
    spec : OpenImageIO.ImageSpec
        The header, changed in place.
    name : str
        Attribute name.
    value : Any
        A plain value, a tuple, a `TypedValue`, or anything JSON can hold (kept as text).
    as_text : bool
        For files that keep text only (PNG).
    """
    if isinstance(value, np.generic):
        value = value.item()
    elif isinstance(value, np.ndarray):
        value = value.ravel().tolist()
    if as_text:
        # All that a PNG keyword may be: short, and no foreign letters (libpng alters some).
        name = " ".join(name.encode("ascii", "replace").decode().split())[:79]
    name = _SPELLING.get(name.lower(), name)
    if value is None or value == "" or not name:
        return
    if _describes_encoding(name) and not name.startswith("howard:"):
        return
    value = _well_known(name, value)
    if isinstance(value, list | tuple) and not isinstance(value, TypedValue):
        value = _plain_tuple(name, tuple(value))
    if isinstance(value, bool):
        value = int(value)
    if isinstance(value, int) and not -(2**31) <= value < 2**31:
        value = str(value)
    if as_text and isinstance(value, int | float | TypedValue):
        value = _as_text(value)
    if isinstance(value, TypedValue):
        if value.type.startswith(("uint8", "int8")):
            return  # opaque bytes (maker notes, profiles): OpenEXR has no type for them
        spec.attribute(name, _type(value.type), tuple(value))
    elif isinstance(value, int | float | str):
        spec.attribute(name, value)
    elif value is not None:
        spec.attribute(name, json.dumps(value, ensure_ascii=False, default=str))
