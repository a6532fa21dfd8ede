"""Movie files, frame by frame: exact values, true frame numbers, the colour their tags name.

PyAV decodes; swscale never touches a value: its float white is 0.996, and untagged video is BT.601 to it.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from threading import Lock, RLock
from typing import Any

import av
import av.error
import av.logging
import numpy as np

from howard_nodes.errors import FrameError, InputError
from howard_nodes.frames.frame import Frame, Window
from howard_nodes.frames.metadata import TypedValue
from howard_nodes.frames.planes import MATRICES, SITINGS, PixelFormat, to_pixels

__all__ = ["MOVIE_SUFFIXES", "Movie", "MovieInfo", "is_movie", "timecode_at"]

MOVIE_SUFFIXES = (".mov", ".mp4", ".m4v", ".mkv", ".mxf", ".avi", ".webm")
"""Files with these names are movies; others are looked into."""

_FFMPEG_ERRORS = (av.error.FFmpegError, OSError, ValueError)
_UNSPECIFIED = 2  # of matrix, primaries and transfer, in H.273
_LIMITED, _FULL = 1, 2  # as FFmpeg counts ranges
_MOST_THREADS = 4  # a decoder holds a few frames for each

# H.273 codes in words; the second is for colour.
_PRIMARIES = {
    1: ("BT.709", "rec709"),
    4: ("BT.470 M", None),
    5: ("BT.601 625 lines", "rec709"),
    6: ("BT.601 525 lines", "rec709"),
    7: ("SMPTE 240M", "rec709"),
    8: ("film", None),
    9: ("BT.2020", "rec2020"),
    10: ("CIE XYZ", None),
    11: ("DCI-P3", None),
    12: ("P3-D65", "p3d65"),
    22: ("EBU 3213", None),
}
_TRANSFERS = {
    1: ("BT.709", "g24"),
    4: ("gamma 2.2", "g22"),
    5: ("gamma 2.8", None),
    6: ("BT.601", "g24"),
    7: ("SMPTE 240M", None),
    8: ("linear", "lin"),
    11: ("xvYCC", None),
    13: ("sRGB", "srgb"),
    14: ("BT.2020 10 bit", "g24"),
    15: ("BT.2020 12 bit", "g24"),
    16: ("PQ", "pq"),
    17: ("SMPTE 428", None),
    18: ("HLG", "hlg"),
}
_MATRIX_NAMES = {
    0: "RGB",
    1: "BT.709",
    4: "FCC",
    5: "BT.601",
    6: "BT.601",
    7: "SMPTE 240M",
    8: "YCgCo",
    9: "BT.2020",
    10: "BT.2020 constant luminance",
    14: "ICtCp",
}
# Video is made to be looked at on a display; sRGB and light as in still pictures.
_SPACES = {
    ("g24", "rec709"): "g24_rec709_display",
    ("g24", "rec2020"): "g24_rec2020_display",
    ("g24", "p3d65"): "g24_p3d65_display",
    ("g22", "rec709"): "g22_rec709_scene",
    ("srgb", "rec709"): "srgb_rec709_scene",
    ("srgb", "p3d65"): "srgb_p3d65_scene",
    ("lin", "rec709"): "lin_rec709_scene",
    ("lin", "rec2020"): "lin_rec2020_scene",
    ("lin", "p3d65"): "lin_p3d65_scene",
    ("pq", "rec2020"): "pq_rec2020_display",
    ("pq", "p3d65"): "pq_p3d65_display",
    ("hlg", "rec2020"): "hlg_rec2020_display",
}


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
        (
            head[4:8] in (b"ftyp", b"moov", b"wide")
            and head[8:12] not in (b"avif", b"heic", b"mif1", b"jp2 ", b"jpx ")
        )
        or head.startswith((b"\x1a\x45\xdf\xa3", b"\x06\x0e\x2b\x34"))
        or (head.startswith(b"RIFF") and head[8:11] == b"AVI")
    )


class Movie:
    """The pictures of a movie's first video stream, a `Footage`.

    Frames are numbered from 1 in the order in which they are shown, as they come where the frame rate varies.
    The file stays open; memory does not grow with its length (eight bytes a frame). Several threads may use
    one movie: they take turns. Frames in order are decoded once; any other is decoded from the key frame
    before it, to the same bits.

    Parameters
    ----------
    pattern : str or Path
        The file.

    Attributes
    ----------
    pattern : str
        As it was asked for.
    frames : tuple of int
        1 to the number of frames.
    is_still : bool
        True for a movie of one frame: it stands for any frame, as a still picture does.

    Raises
    ------
    InputError
        The file is missing, no movie, cut off before its index, has no pictures, or is coded in a way that
        is not read.
    """

    def __init__(self, pattern: str | Path) -> None:
        self.pattern = str(pattern)
        self._path = Path(pattern)
        self._lock = RLock()
        self._notes: dict[str, None] = {}
        _check_file(self._path)
        try:
            self._open()
        except _FFMPEG_ERRORS as error:
            raise InputError(f"{self._path}: cannot be read as a movie ({_reason(error)}).") from error

    def _open(self) -> None:
        self._container = _open_container(self._path)
        self._stream = _video_stream(self._container, self._path)
        self._timing = _find_timing(self._container, self._stream, self._path)
        self._decoder = _Decoder(self._container, self._stream, self._timing)
        first = self._first_frame()
        self._look = self._look_at(first)
        self.frames = tuple(range(1, len(self._timing) + 1))
        self.is_still = len(self.frames) == 1
        self._collect_notes(first)

    def _first_frame(self) -> av.VideoFrame:
        """Decode the first frame that can be: what a movie is shows in its frames, not all in its header."""
        for index in range(min(len(self._timing), 100)):
            with suppress(_Undecodable):
                return self._decoder.frame(index)
        raise InputError(
            f"{self._path}: none of its first frames can be decoded; the file is damaged, copy it again."
        )

    # --- Footage

    def path(self, frame: int) -> Path:  # noqa: ARG002
        """File of a frame: the movie, whatever the frame."""
        return self._path

    def missing(self, frames: Iterable[int]) -> tuple[int, ...]:
        """Which of these frames the movie does not have; one of a single frame misses none."""
        return () if self.is_still else tuple(sorted(set(frames) - set(self.frames)))

    def select(self, frames: Iterable[int] | None = None) -> tuple[int, ...]:
        """Which of these frames the movie has, sorted; None asks for all."""
        if frames is None:
            return self.frames
        wanted = set(frames)
        return tuple(sorted(wanted if self.is_still else wanted & set(self.frames)))

    def exists(self, frame: int) -> bool:
        """Whether the movie has a frame; reading it may still fail."""
        return self.is_still or 1 <= frame <= len(self.frames)

    def read(self, frame: int, *, layer: str | None = None) -> Frame:
        """Read one frame, its values as exact as 32-bit floats are.

        Luma and chroma are scaled by their range (16 to 235 becomes 0 to 1, and what lies beyond stays
        beyond), chroma is enlarged linearly from where it lies, and the matrix of the movie's tags is
        applied. Colour is left as it was coded, non-linear. The picture is turned as its display matrix says.

        Parameters
        ----------
        frame : int
            Its number, from 1.
        layer : str, optional
            A channel by its name, for example ``A``; by default all.

        Returns
        -------
        Frame
            `Frame.colorspace` is what primaries and transfer come to: ``g24_rec709_display`` for the BT.709
            family (graded on BT.1886 displays), ``srgb_rec709_scene``, ``lin_rec709_scene``,
            ``pq_rec2020_display``, ``hlg_rec2020_display`` and others like these; None where the transfer is
            not tagged or the pair has no name. Metadata holds ``smpte:TimeCode`` of this frame, if the movie
            has a timecode, and ``framesPerSecond``. Alpha is straight.

        Raises
        ------
        FrameError
            There is no such frame or layer, or the frame cannot be decoded.
        """
        with self._lock:
            picture = self._picture(frame)
            look = self._look_at(picture)
        pixels, channels = to_pixels(
            _planes(picture),
            (picture.width, picture.height),
            look.pixel_format,
            matrix=look.matrix,
            full=look.full,
            siting=look.siting,
        )
        if layer:
            if layer not in channels:
                raise FrameError(
                    f"has no layer {layer!r}; there is {', '.join(channels)}", path=self._path, frame=frame
                )
            pixels, channels = pixels[..., [channels.index(layer)]], (layer,)
        pixels = look.orientation.turn(pixels)
        window = Window(0, 0, pixels.shape[1], pixels.shape[0])
        return Frame(
            pixels=pixels,
            channels=channels,
            colorspace=look.colorspace,
            data_window=window,
            display_window=window,
            pixel_aspect=look.pixel_aspect,
            metadata=self._metadata(frame),
            path=self._path,
            frame=frame,
            straight_alpha=True,
        )

    def display_size(self, frame: int) -> tuple[int, int]:  # noqa: ARG002
        """Width and height as shown, of the first frame: nothing is decoded."""
        return self._look.size

    def layers(self, frame: int) -> tuple[str, ...]:  # noqa: ARG002
        """Names of layers: a movie has its picture alone, called ``""``."""
        return ("",)

    def has_layer(self, frame: int, layer: str) -> bool:  # noqa: ARG002
        """Whether `read` would find a layer."""
        return layer in ("", *self._look.channels)

    def digest(self, frame: int) -> str:
        """Hash what a frame is made of: decoded samples, their format, tags and orientation.

        A movie in another container, with other sound, is the same input.

        Raises
        ------
        FrameError
            The frame cannot be decoded.
        """
        with self._lock:
            picture = self._picture(frame)
            look = self._look_at(picture)
        digest = hashlib.blake2b(look.describe().encode(), digest_size=16)
        for samples in look.pixel_format.samples(_planes(picture), (picture.width, picture.height)):
            digest.update(np.ascontiguousarray(samples).data)
        return digest.hexdigest()

    def notes(self) -> tuple[str, ...]:
        """Tell what is worth telling once, in sentences that begin with the file's name."""
        with self._lock:
            return tuple(f"{self._path.name}: {note}" for note in self._notes)

    # --- more about movies

    def inspect(self) -> MovieInfo:
        """Sum up what the movie is."""
        look, context, timing = self._look, self._stream.codec_context, self._timing
        return MovieInfo(
            container=self._container.format.name,
            codec=context.name,
            profile=str(context.profile or ""),
            pixel_format=look.pixel_format.name,
            width=look.size[0],
            height=look.size[1],
            pixel_aspect=look.pixel_aspect,
            frame_count=len(timing),
            rate=timing.rate,
            variable_rate=timing.is_variable,
            duration=float(timing.duration),
            timecode=self._start_timecode(),
            range="full" if look.full else "limited",
            matrix=_in_words(_MATRIX_NAMES, look.tags[1]),
            primaries=_in_words(_PRIMARIES, look.tags[2]),
            transfer=_in_words(_TRANSFERS, look.tags[3]),
            chroma=look.siting if look.pixel_format.subsampling != (1, 1) else "",
            colorspace=look.colorspace,
            rotation=look.orientation.rotation,
            mirrored=look.orientation.mirrored,
            interlaced=bool(look.interlaced),
            has_alpha=look.pixel_format.has_alpha,
        )

    def close(self) -> None:
        """Close the file; no frame can be read after that."""
        with self._lock:
            self._container.close()

    # --- inside

    def _picture(self, frame: int) -> av.VideoFrame:
        if not self.exists(frame):
            raise FrameError(
                f"has no such frame; its frames are 1-{len(self.frames)}", path=self._path, frame=frame
            )
        index = 0 if self.is_still else frame - 1
        try:
            picture = self._decoder.frame(index)
        except _Undecodable as error:
            raise FrameError(f"cannot be decoded: {error}", path=self._path, frame=frame) from error
        for damaged in self._decoder.damaged():
            self._note(
                f"frame {damaged + 1} is damaged; frames after it, up to the next key frame, may show it"
            )
        return picture

    def _note(self, text: str) -> None:
        self._notes.setdefault(text)

    def _look_at(self, picture: av.VideoFrame) -> _Look:
        try:
            return _Look.of(picture, self._stream, self._chroma_location())
        except ValueError as error:
            name = self._stream.codec_context.name
            raise InputError(
                f"{self._path}: {error} ({name}); convert it to ProRes, or to an image sequence, first."
            ) from error

    def _chroma_location(self) -> str | None:
        if not hasattr(self, "_siting"):
            self._siting = _chroma_location(self._container, self._stream)
        return self._siting

    def _metadata(self, frame: int) -> dict[str, Any]:
        metadata: dict[str, Any] = {}
        rate, start = self._timing.rate, self._start_timecode()
        if rate is None:
            return metadata
        metadata["framesPerSecond"] = TypedValue(rate.as_integer_ratio(), "rational")
        if start:
            packed = timecode_at(start, rate, self._timing.tick(0 if self.is_still else frame - 1))
            if packed is not None:
                metadata["smpte:TimeCode"] = TypedValue((packed, 0), "timecode")
        return metadata

    def _start_timecode(self) -> str:
        others = [s for s in self._container.streams if s is not self._stream]
        for holder in (self._stream, self._container, *others):
            for key, value in holder.metadata.items():
                if key.lower() == "timecode":
                    return str(value)
        return ""

    def _collect_notes(self, first: av.VideoFrame) -> None:
        look, timing = self._look, self._timing
        for text in timing.notes:
            self._note(text)
        if timing.is_variable:
            self._note(
                f"the frame rate varies ({timing.slowest:.4g} to {timing.fastest:.4g} a second); "
                "frames are numbered as they come"
            )
        for text in look.notes:
            self._note(text)
        if look.interlaced:
            self._note("interlaced; fields are left as they are, deinterlace first where things move")
        if look.orientation.rotation or look.orientation.mirrored:
            mirrored = " and mirrored" if look.orientation.mirrored else ""
            self._note(f"turned by {look.orientation.rotation} degrees{mirrored}, as its header says")
        if first.pts is not None and not self._timing.counts and first.pts != self._timing.pts[0]:
            index = self._timing.index(first.pts)
            which = "frame 1" if index == 1 else f"frames 1-{index}"
            self._note(f"{which} cannot be decoded: the movie does not begin with a key frame")
        if sum(not _is_cover(s) for s in self._container.streams.video) > 1:
            self._note("has more than one video stream; the first is taken")


# --- opening


def _check_file(path: Path) -> None:
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


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return text[:1].lower() + text[1:]


def _open_container(path: Path) -> Any:
    try:
        container = av.open(str(path))
    except _FFMPEG_ERRORS as error:
        raise InputError(
            _no_index(path)
            or f"{path}: cannot be read as a movie ({_reason(error)}); it is damaged or something else."
        ) from error
    name = container.format.name
    if name.endswith("_pipe") or name in ("image2", "tty", "gif"):
        raise InputError(
            f"{path}: is not a movie but {name.removesuffix('_pipe')}; give it a name that says so."
        )
    return container


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


def _is_cover(stream: Any) -> bool:
    """Whether a video stream is a cover picture."""
    disposition = getattr(stream, "disposition", None)
    return disposition is not None and "attached_pic" in str(disposition)


def _video_stream(container: Any, path: Path) -> Any:
    streams = [stream for stream in container.streams.video if not _is_cover(stream)]
    if not streams:
        kinds = ", ".join(dict.fromkeys(stream.type for stream in container.streams)) or "nothing"
        raise InputError(_no_index(path) or f"{path}: has no video, only {kinds}.")
    stream = streams[0]
    if stream.codec_context is None:
        raise InputError(f"{path}: its codec is not read; convert it to ProRes or an image sequence first.")
    context = stream.codec_context
    context.thread_type = "AUTO"
    context.thread_count = min(_MOST_THREADS, os.cpu_count() or 1)
    return stream


# --- what a frame's header and tags come to


@dataclass(frozen=True)
class _Orientation:
    """A display matrix of quarter turns: where columns and rows of the coded picture go.

    Its entries a, b, c, d place coded (x, y) at (a x + c y, b x + d y), y down.
    """

    a: int = 1
    b: int = 0
    c: int = 0
    d: int = 1

    @property
    def swaps(self) -> bool:
        return self.a == 0

    @property
    def mirrored(self) -> bool:
        return self.a * self.d - self.b * self.c < 0

    @property
    def rotation(self) -> int:
        """Degrees clockwise, after mirroring left to right where it is mirrored."""
        x, y = (-self.a, -self.b) if self.mirrored else (self.a, self.b)
        return {(1, 0): 0, (0, 1): 90, (-1, 0): 180, (0, -1): 270}[x, y]

    def turn(self, pixels: np.ndarray) -> np.ndarray:
        """Turn H W C; the same array where there is nothing to do."""
        across, down = (self.a, self.d)
        if self.swaps:
            pixels, across, down = pixels.swapaxes(0, 1), self.c, self.b
        return np.ascontiguousarray(pixels[:: 1 if down > 0 else -1, :: 1 if across > 0 else -1])


def _orientation(picture: av.VideoFrame) -> _Orientation:
    sides: Any = picture.side_data
    for side in sides:
        if side.type.name == "DISPLAYMATRIX":
            matrix = np.frombuffer(bytes(side), np.int32)[:9].reshape(3, 3) / 65536.0
            a, b, c, d = (int(v) for v in np.rint(matrix[:2, :2].ravel()))
            if sorted((abs(a), abs(b), abs(c), abs(d))) == [0, 0, 1, 1] and abs(a) == abs(d):
                return _Orientation(a, b, c, d)
    return _Orientation()


@dataclass(frozen=True)
class _Look:
    """How one frame's samples are to be read."""

    pixel_format: PixelFormat
    size: tuple[int, int]
    pixel_aspect: float
    tags: tuple[int, int, int, int]  # range, matrix, primaries, transfer, as tagged
    full: bool
    matrix: int
    siting: str
    colorspace: str | None
    orientation: _Orientation
    interlaced: bool
    notes: tuple[str, ...]

    @classmethod
    def of(cls, picture: av.VideoFrame, stream: Any, chroma: str | None) -> _Look:
        """Read a frame's tags; ValueError where its samples cannot be read."""
        context, notes = stream.codec_context, list[str]()
        pixel_format = PixelFormat.named(picture.format.name)
        tags = tuple(
            _tag(picture, context, name, silent)
            for name, silent in (
                ("color_range", (0,)),
                ("colorspace", (3, _UNSPECIFIED)),
                ("color_primaries", (0, 3, _UNSPECIFIED)),
                ("color_trc", (0, 3, _UNSPECIFIED)),
            )
        )
        assert len(tags) == 4
        coded_range, coded_matrix, primaries, transfer = tags
        full = coded_range == _FULL or pixel_format.name.startswith("yuvj")
        untagged = {}
        if coded_range not in (_LIMITED, _FULL) and not full:
            full = pixel_format.is_full_by_name
            if pixel_format.family != "rgb":
                untagged["range"] = "full range" if full else "limited range"
        matrix = coded_matrix if pixel_format.family == "yuv" else 1
        if matrix == _UNSPECIFIED:
            matrix = 1
            untagged["matrix"] = "BT.709"
        elif matrix not in MATRICES:
            raise ValueError(f"the matrix {_in_words(_MATRIX_NAMES, matrix)} is not read")
        if untagged:
            verb = "are" if len(untagged) > 1 else "is"
            what, taken = " and ".join(untagged), ", ".join(reversed(untagged.values()))
            notes.append(f"its {what} {verb} not tagged; taken as {taken}")
        colorspace, colour_note = _tagged(primaries, transfer)
        notes += [colour_note] if colour_note else []
        orientation = _orientation(picture)
        aspect = float(stream.sample_aspect_ratio or context.sample_aspect_ratio or 1)
        aspect = aspect if np.isfinite(aspect) and aspect > 0 else 1.0
        width, height = picture.width, picture.height
        return cls(
            pixel_format=pixel_format,
            size=(height, width) if orientation.swaps else (width, height),
            pixel_aspect=1 / aspect if orientation.swaps else aspect,
            tags=tags,
            full=full,
            matrix=matrix,
            siting=chroma if chroma in SITINGS else "left",
            colorspace=colorspace,
            orientation=orientation,
            interlaced=bool(picture.interlaced_frame),
            notes=tuple(notes),
        )

    @property
    def channels(self) -> tuple[str, ...]:
        colour = ("Y",) if self.pixel_format.family == "gray" else ("R", "G", "B")
        return (*colour, "A") if self.pixel_format.has_alpha else colour

    def describe(self) -> str:
        """All that decides values beside the samples."""
        turn = self.orientation
        parts = (
            *(self.pixel_format.name, self.size, self.full, self.matrix, self.siting, self.tags[2:]),
            *(turn.a, turn.b, turn.c, turn.d, f"{self.pixel_aspect:.6g}"),
        )
        return " ".join(str(part) for part in parts)


def _tag(picture: av.VideoFrame, context: Any, name: str, silent: tuple[int, ...]) -> int:
    """Take a frame's own tag, else its stream's; older PyAV gives frames no primaries and transfer."""
    for holder in (picture, context):
        code = getattr(holder, name, None)
        if code is not None and int(code) not in silent:
            return int(code)
    return silent[-1]


def _in_words(names: dict[int, Any], code: int) -> str:
    if code in (0, 3, _UNSPECIFIED) and code not in names:
        return "not tagged"
    known = names.get(code)
    return f"code {code}" if known is None else known if isinstance(known, str) else str(known[0])


def _tagged(primaries: int, transfer: int) -> tuple[str | None, str]:
    """Name the space of a pair of tags, and say what is worth telling of it."""
    curve = _TRANSFERS.get(transfer, ("", None))[1]
    gamut = "rec709" if primaries == _UNSPECIFIED else _PRIMARIES.get(primaries, ("", None))[1]
    names = f"primaries {_in_words(_PRIMARIES, primaries)}, transfer {_in_words(_TRANSFERS, transfer)}"
    if transfer == _UNSPECIFIED:
        if gamut == "rec709":
            return None, ""
        return None, f"its transfer is not tagged ({names}); if it is a camera log, say --colorspace"
    if curve in ("pq", "hlg") and primaries == _UNSPECIFIED:
        gamut = "rec2020"  # what BT.2100 defines them with
    space = _SPACES.get((curve or "", gamut or ""))
    if space is None:
        return None, f"no colour space is known for its tags ({names}); say --colorspace"
    if primaries in (5, 6, 7):
        return space, f"its primaries, {_in_words(_PRIMARIES, primaries)}, are taken for BT.709"
    return space, ""


_LOGGING = Lock()


def _chroma_location(container: Any, stream: Any) -> str | None:
    """Where chroma lies, by FFmpeg's own description of the stream: PyAV has no other way to tell.

    FFmpeg only says it in verbose logs, so the log level, which belongs to the process, is raised meanwhile.
    """
    with _LOGGING:
        level = av.logging.get_level()
        av.logging.set_level(av.logging.VERBOSE)
        av.logging.set_libav_level(av.logging.VERBOSE)
        try:
            text = container.dumps_format()
        finally:
            av.logging.set_level(level)
            av.logging.set_libav_level(av.logging.INFO)
    for line in text.splitlines():
        if re.match(rf"\s*Stream #\d+:{stream.index}\b.*Video:", line):
            for words in re.findall(r"\(([^()]*)\)", line.partition("Video:")[2]):
                for word in words.split(", "):
                    if word in SITINGS:
                        return word
    return None


# --- when each frame is shown


class _Timing:
    """Time stamps of all frames in display order, and the key frames to begin decoding at."""

    def __init__(
        self,
        pts: np.ndarray,
        keys: np.ndarray,
        time_base: Fraction,
        nominal: Fraction | None,
        *,
        counts: bool = False,
        lost: int = 0,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.pts = pts
        self.keys = keys  # positions in pts, ascending
        self.counts = counts  # no usable time stamps: frames are counted from the first
        self.lost = lost  # frames at the end that the header promises and the file does not hold
        self.notes = notes
        self._base = time_base
        self._set_rate(nominal)

    def __len__(self) -> int:
        return len(self.pts) + self.lost

    def _set_rate(self, nominal: Fraction | None) -> None:
        self.is_variable, self.rate = False, nominal
        self.slowest = self.fastest = float(nominal or 0)
        if self.counts or len(self.pts) < 2:
            self.duration = float(len(self) / nominal) if nominal else 0.0
            return
        gaps = np.diff(self.pts)
        mean = (self.pts[-1] - self.pts[0]) / len(gaps)
        measured = 1 / (float(self._base) * mean)
        # Time stamps are rounded to the time base, at either end of a gap.
        self.is_variable = bool(np.abs(gaps - mean).max() > max(2.0, 0.02 * mean))
        self.slowest, self.fastest = (float(1 / (self._base * int(gap))) for gap in (gaps.max(), gaps.min()))
        if nominal is None or self.is_variable or abs(float(nominal) / measured - 1) > 0.01:
            self.rate = _likely_rate(measured)
        self.duration = float(self._base * int(self.pts[-1] - self.pts[0])) + 1 / measured

    def index(self, pts: int | None) -> int | None:
        """Position of a frame by its time stamp; None where there is none like it."""
        if pts is None:
            return None
        place = int(np.searchsorted(self.pts, pts))
        return place if place < len(self.pts) and self.pts[place] == pts else None

    def key_before(self, index: int, back: int = 0) -> int:
        """Last key frame at or before a frame, or `back` key frames before that one."""
        place = int(np.searchsorted(self.keys, index, side="right")) - 1 - back
        return int(self.keys[place]) if place >= 0 else 0

    def tick(self, index: int) -> int:
        """Frames from the first one to this one at the mean rate: timecode runs with time."""
        if not self.is_variable or self.rate is None or index >= len(self.pts):
            return index
        return round(float((int(self.pts[index]) - int(self.pts[0])) * self._base * self.rate))


def _likely_rate(measured: float) -> Fraction:
    for whole in (24, 25, 30, 48, 50, 60, 120):
        for rate in (Fraction(whole), Fraction(whole * 1000, 1001)):
            if abs(float(rate) / measured - 1) < 2e-4:
                return rate
    return Fraction(measured).limit_denominator(1001)


def _find_timing(container: Any, stream: Any, path: Path) -> _Timing:
    nominal = stream.average_rate or stream.guessed_rate or stream.base_rate
    nominal = Fraction(nominal) if nominal else None
    quick = _timing_from_index(container, stream, path, nominal)
    return quick or _timing_from_packets(container, stream, path, nominal)


def _rewind(container: Any, stream: Any) -> None:
    """Go back to the first packet."""
    begin = stream.start_time if stream.start_time is not None else 0
    try:
        container.seek(min(begin, 0), stream=stream)
    except _FFMPEG_ERRORS:
        container.seek(begin, stream=stream, any_frame=True)


def _timing_from_index(container: Any, stream: Any, path: Path, nominal: Fraction | None) -> _Timing | None:
    """Use the container's own index, where it lists every frame and none waits for a later one."""
    if not getattr(stream.codec_context.codec, "intra_only", False):
        return None
    if container.format.name == "mxf":
        # Edit units of an MXF are its time base; its index is not shown to us.
        count = stream.duration or 0
        if count <= 0 or nominal is None or stream.time_base * nominal != 1:
            return None
        pts = np.arange(count, dtype=np.int64) + (stream.start_time or 0)
        return _Timing(pts, np.arange(count), stream.time_base, nominal)
    entries = list(getattr(stream, "index_entries", None) or ())
    if not entries or len(entries) != stream.frames:
        return None
    if any(entry.is_discard or not entry.is_keyframe for entry in entries):
        return None
    pts = np.array([entry.timestamp for entry in entries], np.int64)
    first = next(iter(container.demux(stream)), None)
    _rewind(container, stream)
    if first is None or first.pts != pts[0] or (np.diff(pts) <= 0).any():
        return None
    size = path.stat().st_size
    cut = sum(entry.pos + entry.size > size for entry in entries)
    return _Timing(pts, np.arange(len(pts)), stream.time_base, nominal, notes=_cut_short(len(pts), cut))


def _cut_short(count: int, lost: int) -> tuple[str, ...]:
    if not lost:
        return ()
    which = f"frame {count} is" if lost == 1 else f"frames {count - lost + 1}-{count} are"
    return (f"the file is cut short: {which} lost; copy it again",)


def _timing_from_packets(container: Any, stream: Any, path: Path, nominal: Fraction | None) -> _Timing:
    """Go through all packets once, decoding none."""
    pts: list[int | None] = []
    keys: list[bool] = []
    broken = ""
    try:
        for packet in container.demux(stream):
            if packet.size == 0 or getattr(packet, "is_discard", False):
                continue
            pts.append(packet.pts)
            keys.append(bool(packet.is_keyframe))
    except _FFMPEG_ERRORS as error:
        broken = _reason(error)
    if not pts:
        raise InputError(f"{path}: its video stream has no frames.")
    _rewind(container, stream)
    # An index that lists every frame shows how many there were; others list some of them.
    promised = sum(not entry.is_discard for entry in getattr(stream, "index_entries", None) or ())
    lost = max(0, promised - len(pts))
    notes = _cut_short(len(pts) + lost, lost)
    if broken and not lost:
        notes = (f"cannot be read beyond frame {len(pts)} ({broken}); copy it again",)
    elif not lost:
        notes = _ends_early(stream, pts)
    # AVI knows no display times, and what is made up for these codecs is wrong.
    made_up = container.format.name == "avi" and stream.codec_context.name in ("h264", "hevc", "vc1")
    counts = made_up or None in pts or len(set(pts)) != len(pts)
    if counts:
        notes = (*notes, "has no usable time stamps; frames are counted from the first, jumping is slow")
        places = np.arange(len(pts), dtype=np.int64)
        return _Timing(
            places, np.zeros(1, np.int64), stream.time_base, nominal, counts=True, lost=lost, notes=notes
        )
    stamps = np.array(pts, np.int64)
    order = np.argsort(stamps, kind="stable")
    key_places = np.flatnonzero(np.array(keys)[order])
    return _Timing(stamps[order], key_places, stream.time_base, nominal, lost=lost, notes=notes)


def _ends_early(stream: Any, pts: list[int | None]) -> tuple[str, ...]:
    """Say so where the header promises much more time than there are frames for."""
    known = [stamp for stamp in pts if stamp is not None]
    promised = float(stream.duration * stream.time_base) if stream.duration else 0.0
    for key, text in stream.metadata.items():
        match = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", str(text))
        if key.lower().startswith("duration") and match:
            promised = int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
    there = float((max(known) - min(known)) * stream.time_base) if known else 0.0
    if there and promised - there > 1.0 + 0.02 * promised:
        return (
            f"says that it lasts {promised:.1f} s, but its frames end at {there:.1f} s; is it cut short?",
        )
    return ()


# --- decoding


class _Undecodable(Exception):  # noqa: N818
    """One frame cannot be had; the message says why."""


class _Decoder:
    """Frames of a stream by position: goes on where it is, or seeks where that is shorter."""

    def __init__(self, container: Any, stream: Any, timing: _Timing) -> None:
        self._container, self._stream, self._timing = container, stream, timing
        self._packets: Iterator[Any] | None = None
        self._waiting: list[av.VideoFrame] = []
        self._counted = 0
        self._began = -1  # where decoding was begun
        self._held: tuple[int, av.VideoFrame] | None = None
        self._bad_packets: set[int] = set()
        self._damaged: set[int] = set()
        self._hopeless: dict[int, str] = {}
        self._error = ""

    def frame(self, index: int) -> av.VideoFrame:
        """Decode one frame; `_Undecodable` where it cannot be."""
        if self._held is not None and self._held[0] == index:
            return _checked(self._held[1], self._bad_packets)
        if index in self._hopeless:
            raise _Undecodable(self._hopeless[index])
        if index >= len(self._timing.pts):
            raise _Undecodable("the file ends before it; copy it again")
        found = None
        if self._can_go_on(index):
            found = self._forward(index)
        else:
            # Mostly the nearest key frame will do; some movies claim key frames that are none.
            starts = dict.fromkeys(self._timing.key_before(index, back) for back in (0, 1, 4))
            for start in starts:
                self._seek(start)
                found = self._forward(index)
                if found is not None and not found.is_corrupt:
                    break
        if found is None:
            reason = self._error or "its data is missing"
            self._hopeless[index] = f"{reason}; copy or export the movie again"
            raise _Undecodable(self._hopeless[index])
        return _checked(found, self._bad_packets)

    def damaged(self) -> list[int]:
        """Frames found damaged since this was last asked, of codecs in which that spreads."""
        found = sorted(self._damaged)
        self._damaged.clear()
        return [] if getattr(self._stream.codec_context.codec, "intra_only", False) else found

    def _can_go_on(self, index: int) -> bool:
        if self._packets is None or self._held is None:
            return False
        return self._held[0] < index and self._timing.key_before(index) <= self._held[0] + 1

    def _seek(self, start: int) -> None:
        """Begin again at a key frame, or before it where the container cannot do better."""
        self._held, self._waiting, self._counted, self._error = None, [], 0, ""
        if start == 0 or self._timing.counts:
            _rewind(self._container, self._stream)
        else:
            try:
                self._container.seek(int(self._timing.pts[start]), stream=self._stream)
            except _FFMPEG_ERRORS:
                _rewind(self._container, self._stream)
        self._packets = self._container.demux(self._stream)

    def _forward(self, index: int) -> av.VideoFrame | None:
        """Decode up to a frame; None where another comes in its place, which is kept for the next call."""
        if self._held is not None and self._held[0] > index:
            return None
        while True:
            picture = self._next()
            if picture is None:
                return None
            if self._timing.counts:
                place: int | None = self._counted
                self._counted += 1
            else:
                place = self._timing.index(picture.pts)
            if place is None:
                continue
            if picture.is_corrupt:
                self._damaged.add(place)
            if place >= index:
                self._held = (place, picture)
                return picture if place == index else None

    def _next(self) -> av.VideoFrame | None:
        """Give the next decoded frame, None at the end."""
        while not self._waiting:
            packet = None
            if self._packets is None:
                return None
            try:
                packet = next(self._packets, None)
            except _FFMPEG_ERRORS as error:
                self._error = _reason(error)
            if packet is None:
                self._packets = None
                return None
            if packet.is_corrupt and packet.pts is not None:
                self._bad_packets.add(packet.pts)
            try:
                self._waiting = list(self._stream.codec_context.decode(packet))
            except _FFMPEG_ERRORS as error:
                self._error = _reason(error)
        return self._waiting.pop(0)


def _checked(picture: av.VideoFrame, bad_packets: set[int]) -> av.VideoFrame:
    if picture.is_corrupt or picture.pts in bad_packets:
        raise _Undecodable("it is damaged; copy or export the movie again")
    return picture


def _planes(picture: av.VideoFrame) -> list[np.ndarray]:
    """Give the planes of a frame as rows of bytes, top row first."""
    found = []
    for plane in picture.planes:
        stride = plane.line_size
        rows = np.frombuffer(memoryview(plane), np.uint8)
        rows = rows[: rows.size // abs(stride) * abs(stride)].reshape(-1, abs(stride))
        found.append(rows[::-1] if stride < 0 else rows)
    return found


# --- timecode


def timecode_at(start: str, rate: Fraction, count: int) -> int | None:
    """Pack the timecode of a frame as SMPTE ST 12-1 and OpenEXR do.

    Parameters
    ----------
    start : str
        Timecode of the first frame: ``01:00:00:00``, with ``;`` or ``.`` before the frames for drop-frame.
    rate : Fraction
        Frames a second.
    count : int
        Frames from the first one.

    Returns
    -------
    int or None
        Binary coded decimals, hours in the highest byte, bit 6 set for drop-frame. Above 30 frames a second
        two frames share a number and the second carries the field mark (bit 15; bit 31 at 50), because there
        are no digits for more. None where the text is no timecode.
    """
    match = re.fullmatch(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d\d?)", start.strip())
    if match is None:
        return None
    base = round(rate)
    drop = 0
    if match[4] != ":" and base % 30 == 0 and rate.denominator == 1001:
        drop = base // 15  # numbers left out each minute, but for every tenth
    hours, minutes, seconds, frames = (int(match[i]) for i in (1, 2, 3, 5))
    if base <= 0 or minutes > 59 or seconds > 59 or frames >= base:
        return None
    total_minutes = hours * 60 + minutes
    number = (total_minutes * 60 + seconds) * base + frames
    number += count - drop * (total_minutes - total_minutes // 10)
    number %= 24 * 3600 * base - drop * (24 * 60 - 24 * 6)
    if drop:
        ten = 600 * base - 9 * drop
        tens, rest = divmod(number, ten)
        number += tens * 9 * drop
        if rest >= 60 * base:
            number += drop * (1 + (rest - 60 * base) // (60 * base - drop))
    seconds, frames = divmod(number, base)
    mark = 0
    if base > 30:
        pairs = -(-base // 30)
        frames, second = divmod(frames, pairs)
        mark = (1 << 31 if base == 50 else 1 << 15) if second else 0
    packed = 0
    for value in (seconds // 3600, seconds // 60 % 60, seconds % 60, frames):
        packed = packed << 8 | (value // 10 << 4 | value % 10)
    return packed | (1 << 6 if drop else 0) | mark
