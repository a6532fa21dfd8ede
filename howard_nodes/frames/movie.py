"""Movie files, frame by frame: exact values, true frame numbers, the colour their tags name.

PyAV decodes; swscale never touches a value: its float white is 0.996, and untagged video is BT.601 to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import Any

import av
import numpy as np

from howard_nodes.errors import FrameError, InputError, UnsupportedError
from howard_nodes.frames.claims import check_size_claim
from howard_nodes.frames.containers import check_file, is_cover, open_container, video_stream
from howard_nodes.frames.decoding import (
    FFMPEG_ERRORS,
    MovieDecoder,
    UndecodableError,
    find_timing,
    planes_of,
    reason,
)
from howard_nodes.frames.frame import Frame, Window
from howard_nodes.frames.metadata import TypedValue
from howard_nodes.frames.movie_info import MovieInfo
from howard_nodes.frames.planes import to_pixels
from howard_nodes.frames.tags import MATRIX_NAMES, PRIMARIES, TRANSFERS, Look, chroma_location, in_words
from howard_nodes.frames.timecode import frame_count, timecode_at
from howard_nodes.system.files import long_path

__all__ = ["TIMECODE", "Movie"]

TIMECODE = "timecode"
"""In place of a first frame's number: count frames as the movie's timecode does."""


class Movie:
    """The pictures of a movie's first video stream, a `Footage`.

    Frames are numbered in the order in which they are shown, as they come where the frame rate varies.
    The file stays open; memory does not grow with its length (eight bytes a frame). Several threads may use
    one movie: they take turns. Frames in order are decoded once; any other is decoded from the key frame
    before it, to the same bits.

    Parameters
    ----------
    pattern : str or Path
        The file.
    start : int or str
        Number of the first frame. `TIMECODE` takes the movie's timecode: its frames since 00:00:00:00.

    Attributes
    ----------
    pattern : str
        As it was asked for.
    frames : tuple of int
        From the first number on.
    is_still : bool
        True for a movie of one frame: it stands for any frame, as a still picture does.

    Raises
    ------
    InputError
        The file is missing, no movie, cut off before its index, has no pictures, is coded in a way that is
        not read, or has no timecode where that is to number its frames.
    """

    def __init__(self, pattern: str | Path, start: int | str = 1) -> None:
        self.pattern = str(pattern)
        self._path = long_path(Path(pattern))
        self._lock = RLock()
        self._notes: dict[str, None] = {}
        check_file(self._path)
        try:
            self._open(start)
        except FFMPEG_ERRORS as error:
            raise InputError(
                f"{self._path}: cannot be read as a movie ({reason(error)}); it is damaged, copy it again."
            ) from error

    def _open(self, start: int | str) -> None:
        self._container = open_container(self._path)
        self._stream = video_stream(self._container, self._path)
        self._timing = find_timing(self._container, self._stream, self._path)
        self._decoder = MovieDecoder(self._container, self._stream, self._timing)
        self._chroma = chroma_location(self._container, self._stream)
        first = self._first_frame()
        self._look = self._look_at(first)
        number = self._number_of_first(start)
        self.frames = tuple(range(number, number + len(self._timing)))
        self.is_still = len(self.frames) == 1
        self._collect_notes(first)

    def _first_frame(self) -> av.VideoFrame:
        """Decode the first frame that can be: what a movie is shows in its frames, not all in its header."""
        for index in range(min(len(self._timing), 100)):
            with suppress(UndecodableError):
                return self._decoder.frame(index)
        raise InputError(
            f"{self._path}: none of its first frames can be decoded; the file is damaged, copy it again."
        )

    def _number_of_first(self, start: int | str) -> int:
        if start != TIMECODE:
            return int(start)
        timecode, rate = self._start_timecode(), self._timing.rate
        count = frame_count(timecode, rate) if rate is not None else None
        if count is None:
            has = f"its timecode {timecode} cannot be counted" if timecode else "has no timecode"
            raise InputError(f"{self._path}: {has}; give its first frame a number instead, such as 1001.")
        return count

    # --- Footage

    @property
    def key(self) -> str:
        """Its file and how its frames are numbered."""
        return f"{self.pattern} from {self.frames[0]}"

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
        return self.is_still or self.frames[0] <= frame <= self.frames[-1]

    def read(self, frame: int, *, layer: str | None = None) -> Frame:
        """Read one frame, its values as exact as 32-bit floats are.

        Luma and chroma are scaled by their range (16 to 235 becomes 0 to 1, and what lies beyond stays
        beyond), chroma is enlarged linearly from where it lies, and the matrix of the movie's tags is
        applied. Colour is left as it was coded, non-linear. The picture is turned as its display matrix says.

        Parameters
        ----------
        frame : int
            Its number.
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
        size = (picture.width, picture.height)
        check_size_claim(*size, len(look.channels), self._path, frame)
        try:
            pixels, channels = to_pixels(
                planes_of(picture),
                size,
                look.pixel_format,
                matrix=look.matrix,
                full=look.full,
                siting=look.siting,
            )
        except MemoryError as error:
            raise FrameError(
                f"needs more memory than there is, for {size[0]}x{size[1]} pixels; close other programs, or "
                "use a machine with more",
                path=self._path,
                frame=frame,
            ) from error
        if layer:
            self.check(frame, layer=layer)
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

    def check(self, frame: int, *, layer: str | None = None) -> None:
        """Make sure that there is such a channel; all else was found out when the movie was opened."""
        if layer and layer not in self._look.channels:
            there = ", ".join(self._look.channels)
            raise UnsupportedError(f"has no layer {layer!r}; it has {there}", path=self._path, frame=frame)

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
        for samples in look.pixel_format.samples(planes_of(picture), (picture.width, picture.height)):
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
            matrix=in_words(MATRIX_NAMES, look.tags[1]),
            primaries=in_words(PRIMARIES, look.tags[2]),
            transfer=in_words(TRANSFERS, look.tags[3]),
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
            only = f"{self.frames[0]}-{self.frames[-1]}"
            raise FrameError(f"has no such frame, only {only}", path=self._path, frame=frame)
        try:
            picture = self._decoder.frame(self._index(frame))
        except UndecodableError as error:
            raise FrameError(f"cannot be decoded: {error}", path=self._path, frame=frame) from error
        for damaged in self._decoder.damaged():
            number = self.frames[damaged]
            self._note(f"frame {number} is damaged; frames after it, up to the next key frame, may show it")
        return picture

    def _index(self, frame: int) -> int:
        return 0 if self.is_still else frame - self.frames[0]

    def _note(self, text: str) -> None:
        self._notes.setdefault(text)

    def _look_at(self, picture: av.VideoFrame) -> Look:
        try:
            return Look.of(picture, self._stream, self._chroma)
        except ValueError as error:
            name = self._stream.codec_context.name
            raise InputError(
                f"{self._path}: {error} ({name}); convert it to ProRes, or to an image sequence, first."
            ) from error

    def _metadata(self, frame: int) -> dict[str, Any]:
        metadata: dict[str, Any] = {}
        rate, start = self._timing.rate, self._start_timecode()
        if rate is None:
            return metadata
        metadata["framesPerSecond"] = TypedValue(rate.as_integer_ratio(), "rational")
        if start:
            packed = timecode_at(start, rate, self._timing.tick(self._index(frame)))
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
        for note in timing.notes:
            self._note(note(self.frames[0]))
        if timing.is_variable:
            self._note(
                f"the frame rate varies ({timing.slowest:.4g} to {timing.fastest:.4g} a second); "
                "frames are numbered as they come"
            )
        for text in look.notes:
            self._note(text)
        if look.interlaced:
            self._note("interlaced; fields are not separated, deinterlace first if anything moves")
        if look.orientation.rotation or look.orientation.mirrored:
            mirrored = " and mirrored" if look.orientation.mirrored else ""
            self._note(f"rotated by {look.orientation.rotation} degrees{mirrored}, from its header")
        if first.pts is not None and not self._timing.counts and first.pts != self._timing.pts[0]:
            index = self._timing.index(first.pts)
            lost = self.frames[:index]
            which = f"frame {lost[0]}" if len(lost) == 1 else f"frames {lost[0]}-{lost[-1]}"
            self._note(f"{which} cannot be decoded: the movie does not begin with a key frame")
        if sum(not is_cover(s) for s in self._container.streams.video) > 1:
            self._note("has more than one video stream; the first is used")
