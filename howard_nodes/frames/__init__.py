"""Frames: sequences of files and movies, reading by channel name, writing whole files or none."""

from __future__ import annotations

from howard_nodes.frames.color_tags import COLORSPACE_ATTRIBUTE
from howard_nodes.frames.containers import MOVIE_SUFFIXES, is_movie
from howard_nodes.frames.footage import (
    Footage,
    absent,
    check_readable,
    choose_frames,
    open_footage,
    with_neighbours,
)
from howard_nodes.frames.frame import HALF_MAX, Frame, Window, carried_over, check_size, fit_window, sanitize
from howard_nodes.frames.halves import halves
from howard_nodes.frames.held import Held
from howard_nodes.frames.inside import FileInfo, PartInfo
from howard_nodes.frames.limits import MAX_FRAMES
from howard_nodes.frames.metadata import TypedValue
from howard_nodes.frames.movie import TIMECODE, Movie
from howard_nodes.frames.movie_info import MovieInfo
from howard_nodes.frames.narrowed import Narrowed
from howard_nodes.frames.opening import FORMATS
from howard_nodes.frames.reading import has_layer, inspect_file, read_attributes, read_frame, verify_file
from howard_nodes.frames.seal import check_seal
from howard_nodes.frames.sequence import (
    Sequence,
    expected_frames,
    format_frames,
    name_frames,
    parse_frames,
)
from howard_nodes.frames.writing import EXR_COMPRESSIONS, Depth, validate_compression, write_image

__all__ = [
    "COLORSPACE_ATTRIBUTE",
    "EXR_COMPRESSIONS",
    "FORMATS",
    "HALF_MAX",
    "MAX_FRAMES",
    "MOVIE_SUFFIXES",
    "TIMECODE",
    "Depth",
    "FileInfo",
    "Footage",
    "Frame",
    "Held",
    "Movie",
    "MovieInfo",
    "Narrowed",
    "PartInfo",
    "Sequence",
    "TypedValue",
    "Window",
    "absent",
    "carried_over",
    "check_readable",
    "check_seal",
    "check_size",
    "choose_frames",
    "expected_frames",
    "fit_window",
    "format_frames",
    "halves",
    "has_layer",
    "inspect_file",
    "is_movie",
    "name_frames",
    "open_footage",
    "parse_frames",
    "read_attributes",
    "read_frame",
    "sanitize",
    "validate_compression",
    "verify_file",
    "with_neighbours",
    "write_image",
]
