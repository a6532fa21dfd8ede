"""Movie files from outside: whether a file is one, its container, its stream of pictures."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import av

from howard_nodes.atomic import absolute
from howard_nodes.errors import InputError
from howard_nodes.frames.claims import check_movie
from howard_nodes.frames.decoding import FFMPEG_ERRORS, reason

__all__ = ["MOVIE_SUFFIXES", "check_file", "is_cover", "is_movie", "open_container", "video_stream"]

MOVIE_SUFFIXES = (".mov", ".mp4", ".m4v", ".mkv", ".mxf", ".avi", ".webm")
"""Files with these names are movies; others are looked into."""

_STILLS = (b"avif", b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"jp2 ", b"jpx ")
_MOST_THREADS = 4  # a decoder holds a few frames for each


def is_movie(path: str | Path) -> bool:
    """Tell whether a file is a movie, by its suffix or, where that is a strange one, by its first bytes.

    Parameters
    ----------
    path : str or Path
        Any name; what does not exist or cannot be opened is judged by its suffix alone.
    """
    path = Path(path)
    if path.suffix.lower() in MOVIE_SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        return False
    return bool(
        (head[4:8] in (b"ftyp", b"moov", b"wide") and head[8:12] not in _STILLS)
        or head.startswith((b"\x1a\x45\xdf\xa3", b"\x06\x0e\x2b\x34"))
        or (head.startswith(b"RIFF") and head[8:11] == b"AVI")
    )


def check_file(path: Path) -> None:
    """Make sure that a file can be opened and asks for no more than it may. Raises `InputError`."""
    if not path.exists():
        raise InputError(f"{path}: no such file.")
    if not path.is_file():
        raise InputError(f"{path}: is not a file.")
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise InputError(f"{path}: cannot be opened: {error.strerror}.") from error
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty (0 bytes); copy it again.")
    check_movie(path)


def open_container(path: Path) -> Any:
    """Open a movie.

    Parameters
    ----------
    path : Path
        A file that is there.

    Returns
    -------
    Container
        PyAV's.

    Raises
    ------
    InputError
        It is damaged, cut short, or something else.
    """
    try:
        # Absolute, since FFmpeg takes 10:30.mp4 for an address; and its text in whatever letters.
        container = av.open(str(absolute(path)), metadata_errors="replace")
    except FFMPEG_ERRORS as error:
        raise InputError(
            _no_index(path)
            or f"{path}: cannot be read as a movie ({reason(error)}); it is damaged or not a movie."
        ) from error
    name = container.format.name
    if name.endswith("_pipe") or name in ("image2", "tty", "gif"):
        raise InputError(f"{path}: is not a movie but {name.removesuffix('_pipe')}; rename it to match.")
    return container


def video_stream(container: Any, path: Path) -> Any:
    """Give a movie's first video stream, ready to be decoded by several threads.

    Raises
    ------
    InputError
        There are no pictures, or nothing here reads them.
    """
    streams = [stream for stream in container.streams.video if not is_cover(stream)]
    if not streams:
        kinds = ", ".join(dict.fromkeys(stream.type for stream in container.streams)) or "nothing"
        raise InputError(_no_index(path) or f"{path}: has no video, only {kinds}.")
    stream = streams[0]
    if stream.codec_context is None:
        raise InputError(
            f"{path}: its codec is not supported; convert it to ProRes or an image sequence first."
        )
    context = stream.codec_context
    context.thread_type = "AUTO"
    context.thread_count = min(_MOST_THREADS, os.cpu_count() or 1)
    return stream


def is_cover(stream: Any) -> bool:
    """Whether a video stream is a cover picture."""
    disposition = getattr(stream, "disposition", None)
    return disposition is not None and "attached_pic" in str(disposition)


def _no_index(path: Path) -> str:
    """Say so where a QuickTime or MP4 file has data but no whole moov atom, which tells all about it."""
    seen, size = dict[bytes, bool](), path.stat().st_size
    with path.open("rb") as file:
        position = 0
        while position + 8 <= size:
            file.seek(position)
            head = file.read(16)
            length, kind = struct.unpack(">I4s", head[:8])
            if length == 1 and len(head) == 16:
                length = struct.unpack(">Q", head[8:])[0]
            elif length == 0:
                length = size - position  # to the end of the file
            position += max(length, 8)
            seen[kind] = position <= size
    if seen.get(b"moov") or not seen.keys() & {b"ftyp", b"mdat"}:
        return ""
    state = "incomplete" if b"moov" in seen else "missing"
    return (
        f"{path}: its index (the moov atom) is {state}, so that nothing can be read: the recording was not "
        "closed or the copy was cut short. Copy it again, or record it anew."
    )
