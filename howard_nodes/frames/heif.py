"""HEIC stills, as phones take them: decoded by libheif, handed on as a file that OpenImageIO reads."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813

from howard_nodes.errors import FrameError
from howard_nodes.frames.claims import check_size_claim
from howard_nodes.frames.color_tags import COLORSPACE_ATTRIBUTE
from howard_nodes.frames.tags import space_of

__all__ = ["is_heif", "unpacked"]

_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1")


def is_heif(path: Path) -> bool:
    """Tell from a file's first bytes whether it is a HEIC still. Raises `OSError`."""
    with path.open("rb") as file:
        head = file.read(12)
    return head[4:8] == b"ftyp" and head[8:] in _BRANDS


@contextmanager
def unpacked(path: Path, frame: int | None) -> Iterator[Path]:
    """Give a PNG with the pixels of a HEIC still, upright, and its colour tags; it is gone afterwards.

    Raises
    ------
    FrameError
        It is damaged.
    """
    # Loaded where there is such a file: it takes a while.
    import pi_heif

    try:
        picture = pi_heif.open_heif(path, convert_hdr_to_8bit=False)
        if not len(picture):
            raise ValueError("it has no picture that can be decoded")
        width, height = picture.size
        check_size_claim(width, height, 4 if picture.has_alpha else 3, path, frame)
        pixels = np.asarray(picture)
    except (ValueError, RuntimeError, EOFError, SyntaxError, MemoryError, OSError) as error:
        raise FrameError(
            f"is damaged, it cannot be read as HEIC ({error}); copy it again, or export it as TIFF or EXR",
            path=path,
            frame=frame,
        ) from error
    height, width, channels = pixels.shape
    spec = oiio.ImageSpec(width, height, channels, "uint16" if pixels.dtype == np.uint16 else "uint8")
    spec.attribute("oiio:UnassociatedAlpha", 1)
    spec.attribute("png:compressionLevel", 0)
    profile, tags = picture.info.get("icc_profile"), picture.info.get("nclx_profile")
    if profile:
        spec.attribute("ICCProfile", oiio.TypeDesc(f"uint8[{len(profile)}]"), profile)
    else:
        space = space_of(tags["color_primaries"], tags["transfer_characteristics"]) if tags else None
        spec.attribute(COLORSPACE_ATTRIBUTE, space or "srgb_rec709_scene")  # what viewers take it for
    with tempfile.TemporaryDirectory(prefix="howard-") as folder:
        file = Path(folder) / "still.png"
        target = oiio.ImageOutput.create("png")
        assert target is not None
        if not (target.open(str(file), spec) and target.write_image(pixels) and target.close()):
            raise FrameError(f"cannot be unpacked into {folder}; is the disk full?", path=path, frame=frame)
        yield file
