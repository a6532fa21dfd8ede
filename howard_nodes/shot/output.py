"""What a job writes: names, checks before anything is computed, and frames with their tags and metadata.

For every command that writes frames.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from howard_nodes import __version__
from howard_nodes.atomic import check_folder, remove_abandoned
from howard_nodes.color import ColorConfig
from howard_nodes.errors import HowardError, InputError
from howard_nodes.frames import Depth, Frame, Sequence, write_image
from howard_nodes.layers import file_patterns
from howard_nodes.system.files import real_path

__all__ = ["check_output", "output_paths", "prepare_output", "reason_of", "write_frame"]


def output_paths(output: str, layers: tuple[str, ...], frame: int) -> tuple[Path, ...]:
    """Name the files of one frame: one for an EXR, one a layer for PNG.

    Parameters
    ----------
    output : str
        Pattern of the result, as in `Job`.
    layers : tuple of str
        Names of layers, validated.
    frame : int
        Its number.

    Returns
    -------
    tuple of Path
        In the order of the layers.
    """
    return tuple(Sequence.output(pattern).path(frame) for pattern in file_patterns(output, layers))


def check_output(
    output: str,
    frames: tuple[int, ...],
    inputs: Iterable[Path],
    *,
    layers: tuple[str, ...] = (),
    report: str | None = None,
    one_file: bool = False,
) -> None:
    """Make sure that a job's frames are written to names of their own, as far as can be seen.

    Parameters
    ----------
    output : str
        Pattern of the result, its suffix one that can be written.
    frames : tuple of int
        Frames that are written.
    inputs : iterable of Path
        Files that are read: none is written over.
    layers : tuple of str
        Of a result with one file a layer.
    report : str, optional
        A report that is written as well.
    one_file : bool
        A name without a number will do: it is written once.

    Raises
    ------
    InputError
        They are not, or there is no writing there.
    """
    path = Path(output)
    if len(frames) > 1 and Sequence.output(output).is_still and not one_file:
        better = path.with_name(f"{path.stem}.####{path.suffix}")
        raise InputError(f"{path}: {len(frames)} frames need a frame number in the name, such as {better}.")
    made = [file for frame in frames for file in output_paths(output, layers, frame)]
    if report is not None:
        made.append(Path(report))
    taken = {real_path(file) for file in inputs}
    for file in made:
        if real_path(file) in taken:
            raise InputError(f"{file}: would overwrite an input; choose another output.")
    # The nearest folder that is there says whether one could be made; `prepare_output` finds out for certain.
    there = next((folder for folder in path.absolute().parents if os.path.lexists(folder)), None)
    if there is None:  # a drive or share of Windows
        raise InputError(f"{path.absolute().anchor}: is not there; is the drive or share connected?")
    if not os.access(there, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise InputError(f"{there}: cannot write there (Permission denied); choose another folder.")


def prepare_output(output: str, report: str | None = None, *, make_folder: bool = True) -> None:
    """Make the folders of a job's result, see that they can be written to, and clear what killed runs left.

    Parameters
    ----------
    output : str
        Pattern of the result.
    report : str, optional
        A report that is written as well; its folder is made in any case.
    make_folder : bool
        Make the result's folder where it is not there.

    Raises
    ------
    InputError
        A folder cannot be made or written to.
    """
    check_folder(Path(output), make=make_folder)
    remove_abandoned(Path(output).parent)
    if report is not None:
        check_folder(Path(report))


def write_frame(
    path: Path,
    pixels: np.ndarray,
    channels: tuple[str, ...],
    header: Frame,
    *,
    config: ColorConfig,
    space: str | None,
    file_space: str,
    guessed: bool,
    depth: Depth,
    compression: str,
    about: Mapping[str, Any],
    on_display: bool = False,
) -> None:
    """Write a frame with the windows and metadata of what it was made of.

    Parameters
    ----------
    path : Path
        Its file.
    pixels, channels
        As for `howard_nodes.frames.write_image`.
    header : Frame
        Of the plate.
    config : ColorConfig
        Knows how files name colour spaces.
    space : str or None
        Of the colour in it; None where there is none.
    file_space : str
        Of the plate's file: primaries that its header tells are true of that space alone.
    guessed : bool
        Nobody said that the plate's file is in that space: what is still in it gets no tag.
    depth, compression
        As for `howard_nodes.frames.write_image`.
    about : mapping of str to object
        More metadata.
    on_display : bool
        The pixels fill the display window instead of the data window.

    Raises
    ------
    WriteError
        It cannot be written; no partial file is left.
    """
    metadata = dict(header.metadata)
    is_untold = guessed and space == file_space
    if space != file_space:
        metadata.pop("chromaticities", None)
    write_image(
        path,
        pixels,
        channels,
        depth=depth,
        compression=compression,
        colorspace=None if space is None or is_untold else config.interop_id(space) or space,
        data_window=header.display_window if on_display else header.data_window,
        display_window=header.display_window,
        pixel_aspect=header.pixel_aspect,
        metadata=metadata | {"howard:version": __version__} | dict(about),
    )


def reason_of(frame: int, error: BaseException) -> str:
    """Say why a frame failed; its number is in it."""
    message = str(error) if isinstance(error, HowardError) else f"{type(error).__name__}: {error}"
    return message if f"frame {frame}" in message else f"frame {frame}: {message}"
