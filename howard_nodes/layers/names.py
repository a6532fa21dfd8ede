"""The names of layers, of their channels in an EXR and of their files where every layer has its own."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path

from howard_nodes.errors import InputError

__all__ = ["DEFAULT_LAYERS", "LAYERS", "file_patterns", "layer_channels", "layer_path", "validate_layers"]

LAYERS: dict[str, tuple[str, ...]] = {
    "rgba": ("R", "G", "B", "A"),
    "foreground": ("foreground.R", "foreground.G", "foreground.B"),
    "alpha": ("alpha.A",),
    "coarse": ("coarse.A",),
    "error": ("error.A",),
    "doubt": ("doubt.A",),
    "region": ("region.A",),
    "clean": ("clean.R", "clean.G", "clean.B"),
    "difference": ("difference.R", "difference.G", "difference.B"),
    "valid": ("valid.A",),
}
"""Every layer and its channels in an EXR, in the order they are written.

The dotted names are what Nuke, Blender and OpenImageIO make layers of. The single-channel layers use the
suffix A: DWA compresses R, G, B and Y with loss, A without. There is never a layer named ``Alpha``.
"""

DEFAULT_LAYERS: tuple[str, ...] = ("rgba", "foreground", "alpha", "coarse", "error")
"""What is written when nothing is asked for; the others come on request."""


def validate_layers(names: str | Iterable[str]) -> tuple[str, ...]:
    """Check the names of layers and put them in the order they are written.

    Parameters
    ----------
    names : str or iterable of str
        ``"alpha,foreground"`` or ``["alpha", "foreground"]``; case and blanks around names do not matter.

    Returns
    -------
    tuple of str
        Each layer once, in the order of `LAYERS`.

    Raises
    ------
    InputError
        For a name that is no layer, or for none at all.
    """
    given = names.split(",") if isinstance(names, str) else names
    wanted = [name.strip().lower() for name in given if name.strip()]
    for name in wanted:
        if name not in LAYERS:
            near = difflib.get_close_matches(name, LAYERS, n=1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            raise InputError(f"unknown layer '{name}': {hint}choose from {', '.join(LAYERS)}")
    if not wanted:
        raise InputError(f"no layers to write: choose from {', '.join(LAYERS)}")
    return tuple(name for name in LAYERS if name in wanted)


def layer_channels(names: Iterable[str]) -> tuple[str, ...]:
    """Channel names of some layers in an EXR.

    Parameters
    ----------
    names : iterable of str
        From `validate_layers`.

    Returns
    -------
    tuple of str
        For example ``("R", "G", "B", "A", "alpha.A")``.
    """
    return tuple(channel for name in names for channel in LAYERS[name])


_FRAME = re.compile(
    r"""
    (?P<frame> [._-]? (?: \#+ | @+ | %0?\d*d )   # a pattern's padding
             | (?:^|[._-]) -?\d+ )                # or a frame's number
    (?P<suffix> \.[^.]+ )$
    """,
    re.VERBOSE,
)


def file_patterns(output: str, layers: Iterable[str]) -> tuple[str, ...]:
    """Name the sequences that a result is written as: one that holds all layers for EXR, else one a layer.

    Parameters
    ----------
    output : str
        Pattern of the result.
    layers : iterable of str
        From `LAYERS`.

    Returns
    -------
    tuple of str
        In the order of the layers.
    """
    if Path(output).suffix.lower() == ".exr":
        return (output,)
    return tuple(str(layer_path(output, layer)) for layer in layers)


def layer_path(pattern: str | Path, layer: str) -> Path:
    """Name the file or sequence of one layer, for formats that hold one layer a file.

    The layer follows the shot's name and the frame number stays last, so that hosts see one sequence a layer:
    ``out/shot.####.png`` becomes ``out/shot_alpha.####.png``. The layer ``rgba`` has the pattern itself.

    Parameters
    ----------
    pattern : str or Path
        A sequence (``shot.####.png``, ``shot_%04d.png``, ``shot.@@@@.png``), one of its frames or a still.
    layer : str
        From `LAYERS`.

    Returns
    -------
    Path
        In the same folder, with the same suffix.
    """
    path = Path(pattern)
    if layer == "rgba":
        return path
    match = _FRAME.search(path.name)
    if match is None:
        return path.with_name(f"{path.stem}_{layer}{path.suffix}")
    name = path.name[: match.start()]
    frame = match["frame"]
    if not name:
        # "####.png": a dot keeps the number apart from the layer's name.
        return path.with_name(f"{layer}.{frame.lstrip('._-')}{match['suffix']}")
    return path.with_name(f"{name}_{layer}{frame}{match['suffix']}")
