"""What a file claims, looked at before a library believes it.

The libraries refuse most of what makes no sense. Here is what they take at its word, at the cost of memory or
of hours: channels, attributes and parts of an EXR, the size and the scans of a JPEG, samples and tracks of a
QuickTime or MP4 movie.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from howard_nodes.errors import FrameError, InputError
from howard_nodes.frames.limits import (
    CHANNELS,
    FRAME_MB,
    HEADER_MB,
    MAX_ATTRIBUTES,
    MAX_FRAMES,
    MAX_SCANS,
    MAX_TRACKS,
    PARTS,
    picture_bytes,
    picture_limit,
)

__all__ = ["check_movie", "check_picture_claims", "check_size_claim"]

_EXR = b"\x76\x2f\x31\x01"
_JPEG = b"\xff\xd8\xff"
_MULTIPART = 0x1000
_ATTRIBUTE = 2 * 256 + 4  # bytes of the longest name and type, and of a size
_CHANNEL = 16  # bytes of a channel after its name
# Start of frame: SOF0 to SOF15, but for DHT, JPG and DAC, which lie between.
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_JPEG_END, _JPEG_SCAN = 0xD9, 0xDA
# The next marker after coded data, in which 0xFF is followed by 0 or a restart.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_HOLDERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_MOST_BOXES = 100_000


def check_picture_claims(path: Path, frame: int | None) -> None:
    """Refuse a picture whose header asks for too much. Raises `FrameError`, `OSError`."""
    with path.open("rb") as file:
        magic = file.read(4)
        if magic == _EXR:
            _check_exr(file, path, frame)
        elif magic[:3] == _JPEG:
            _check_jpeg(magic + file.read(), path, frame)


def check_size_claim(width: int, height: int, channels: int, path: Path, frame: int | None) -> None:
    """Refuse a picture that takes more memory than one may. Raises `FrameError`.

    Parameters
    ----------
    width, height, channels : int
        Of what is to be read, or of the window that it is to be laid into.
    path : Path
        Its file, for the message.
    frame : int or None
        Its number, for the message.
    """
    needed, most = picture_bytes(width, height, channels), picture_limit()
    if needed > most:
        raise FrameError(
            f"its header says {width}x{height}, {channels} channels: {needed >> 20} MB, more than the "
            f"{most >> 20} MB that one picture may take: it is damaged, or made to do harm; "
            f"{FRAME_MB.advice(-(-needed >> 20))}",
            path=path,
            frame=frame,
        )


def check_movie(path: Path) -> None:
    """Refuse a QuickTime or MP4 movie whose index asks for too much. Raises `InputError`."""
    size, tracks = path.stat().st_size, 0
    with path.open("rb") as file:
        for kind, begin in _boxes(file, 0, size):
            tracks += kind == b"trak"
            if tracks > MAX_TRACKS:
                raise InputError(
                    f"{path}: has more than {MAX_TRACKS} tracks; it is damaged, or export its picture alone."
                )
            if kind == b"stsz":
                file.seek(begin + 4)
                constant, count = struct.unpack(">II", file.read(8).ljust(8, b"\0"))
                # A list of sizes is as long as its count; one size for all says any count for nothing.
                if constant and count > max(MAX_FRAMES, size):
                    raise InputError(
                        f"{path}: its index says {count} frames, which its {size} bytes cannot hold; it is "
                        "damaged, copy it again."
                    )


def _boxes(file: BinaryIO, begin: int, end: int) -> Iterator[tuple[bytes, int]]:
    """Give kind and content of the boxes of an ISO media file, those that hold others opened."""
    stack, seen = [(begin, end)], 0
    while stack:
        begin, end = stack.pop()
        while begin + 8 <= end and seen < _MOST_BOXES:
            seen += 1
            file.seek(begin)
            head = file.read(16)
            if len(head) < 8:
                break
            length, kind = struct.unpack(">I4s", head[:8])
            content = begin + 8
            if length == 1 and len(head) == 16:
                length, content = struct.unpack(">Q", head[8:])[0], begin + 16
            stop = end if length == 0 else min(begin + max(length, 8), end)
            yield kind, content
            if kind in _HOLDERS:
                stack.append((stop, end))
                begin, end = content, stop
            else:
                begin = stop


def _check_exr(file: BinaryIO, path: Path, frame: int | None) -> None:
    def refuse(what: str, advice: str = "render or copy it again") -> FrameError:
        return FrameError(f"{what}: it is damaged, or made to do harm; {advice}", path=path, frame=frame)

    several = bool(int.from_bytes(file.read(4), "little") & _MULTIPART)
    at, parts, attributes = 8, 0, 0
    most, end = HEADER_MB.most << 20, path.stat().st_size
    while True:
        file.seek(at)
        head = file.read(_ATTRIBUTE)
        if head[:1] == b"\0":  # the end of a part's header; of all headers, where it stands alone
            at, parts, attributes = at + 1, parts + 1, 0
            if parts > PARTS.most:
                raise refuse(f"has more than {PARTS.most} parts", PARTS.advice())
            if not several or head[1:2] == b"\0":
                return
            continue
        name_end = head.find(b"\0", 0, 256)
        kind_end = head.find(b"\0", name_end + 1, name_end + 257)
        if name_end < 0 or kind_end < 0 or kind_end + 5 > len(head):
            return  # what is no header, OpenEXR says
        (size,) = struct.unpack_from("<i", head, kind_end + 1)
        if size < 0:
            return
        attributes += 1
        if attributes > MAX_ATTRIBUTES:
            raise refuse(f"has more than {MAX_ATTRIBUTES} attributes")
        at += kind_end + 5 + size
        if at > end:
            return  # cut short: OpenEXR says
        if at > most:
            raise refuse(f"its header is longer than {most >> 20} MB", HEADER_MB.advice())
        if head[name_end + 1 : kind_end] == b"chlist":
            file.seek(at - size)
            if _channels(file.read(size)) > CHANNELS.most:
                raise refuse(f"has more than {CHANNELS.most} channels", CHANNELS.advice())


def _channels(listed: bytes) -> int:
    """Count channels, up to one more than there may be."""
    count, at = 0, 0
    while count <= CHANNELS.most and (end := listed.find(b"\0", at)) > at:
        count, at = count + 1, end + 1 + _CHANNEL
    return count


def _check_jpeg(content: bytes, path: Path, frame: int | None) -> None:
    """Libjpeg takes memory for all of a progressive picture at once, and goes over it for each scan."""
    at, scans = 2, 0
    while at + 4 <= len(content) and content[at] == 0xFF and content[at + 1] != _JPEG_END:
        kind = content[at + 1]
        if kind == 0xFF:  # fill
            at += 1
            continue
        (length,) = struct.unpack_from(">H", content, at + 2)
        if kind in _JPEG_FRAMES and at + 10 <= len(content):
            height, width, channels = struct.unpack_from(">HHB", content, at + 5)
            check_size_claim(width, height, channels, path, frame)
        at += 2 + length
        if kind == _JPEG_SCAN:
            scans += 1
            following = _JPEG_MARKER.search(content, at)
            at = following.start() if following else len(content)
    if scans > MAX_SCANS:
        raise FrameError(
            f"is decoded in {scans} steps (scans), more than {MAX_SCANS}: it is damaged, or made to do harm; "
            "save it again",
            path=path,
            frame=frame,
        )
