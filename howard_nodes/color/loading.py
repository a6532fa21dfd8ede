"""Reading OpenColorIO configurations: which one is meant, and what is wrong with it."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import PyOpenColorIO as ocio  # noqa: N813

from howard_nodes.errors import ColorError
from howard_nodes.frames.limits import MAX_CONFIG_MB, MAX_LUT_MB
from howard_nodes.shipped import DATA, damage

__all__ = ["OCIO_ERRORS", "SHIPPED_CONFIG", "read_config", "read_shipped_config"]

SHIPPED_CONFIG = DATA / "howard.ocio"
"""The configuration that ships: a link to `ocio/howard.ocio` in a checkout, that file itself in a wheel."""

OCIO_ERRORS = (ocio.Exception, ocio.ExceptionMissingFile, UnicodeError)
"""What OpenColorIO raises; its messages repeat what a file has, in whatever letters."""


_SPACE_WAYS = (ocio.COLORSPACE_DIR_TO_REFERENCE, ocio.COLORSPACE_DIR_FROM_REFERENCE)
_VIEW_WAYS = (ocio.VIEWTRANSFORM_DIR_TO_REFERENCE, ocio.VIEWTRANSFORM_DIR_FROM_REFERENCE)
_WAYS = (ocio.TRANSFORM_DIR_FORWARD, ocio.TRANSFORM_DIR_INVERSE)


def read_config(path_or_name: str | Path | None) -> tuple[ocio.Config, str, str]:
    """Read a configuration.

    Parameters
    ----------
    path_or_name : str, Path or None
        As `howard_nodes.color.ColorConfig.load` takes it.

    Returns
    -------
    config : Config
        OpenColorIO's.
    name : str
        Short, for messages.
    description : str
        Where it came from.

    Raises
    ------
    ColorError
        It does not exist, is not an OpenColorIO configuration, or is of a version too new to read.
    """
    asked = str(path_or_name) if path_or_name is not None else ""
    variable = os.environ.get("OCIO", "")
    source = asked or variable
    origin = " ($OCIO)" if not asked and variable else ""
    is_file = False
    if source in ("", "howard"):
        path, name, description = str(SHIPPED_CONFIG), "howard.ocio", "howard.ocio, shipped with Howard"
    elif source.startswith("ocio://") or (source in _builtin_names() and not Path(source).exists()):
        path = source if source.startswith("ocio://") else f"ocio://{source}"
        name, description = path, f"{path}, built into OpenColorIO{origin}"
    else:
        path, is_file = source, True
        name, description = Path(source).name, f"{source}{origin}"
        if not Path(source).is_file():
            problem = "is a folder: give the .ocio file in it" if Path(source).is_dir() else "does not exist"
            raise ColorError(
                f"The OpenColorIO configuration {source}{origin} {problem}. {_which_configs(origin)}"
            )
        _check_size(Path(source), f"{source}{origin}")
    try:
        config = _opened(path)
        if is_file:
            _check_tables(config, f"{source}{origin}")
    except OCIO_ERRORS as error:
        raise ColorError(_load_message(f"{source or path}{origin}", str(error), origin)) from error
    try:
        _look_at_names(config)
    except OCIO_ERRORS as error:
        raise ColorError(
            f"The OpenColorIO configuration {source or path}{origin} has names that are not UTF-8 ({error}). "
            "Save it as UTF-8, or use another one."
        ) from error
    return config, name, description


def _check_size(path: Path, what: str) -> None:
    """Refuse a configuration, or an archive of one, that would fill memory. Raises `ColorError`."""
    size, most = path.stat().st_size, MAX_CONFIG_MB
    if path.suffix.lower() == ".ocioz":
        most = MAX_LUT_MB
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                size = sum(member.file_size for member in archive.infolist())
    if size > most << 20:
        raise ColorError(
            f"The OpenColorIO configuration {what} has {size >> 20} MB, more than {most}: it is damaged, or "
            "made to do harm. Use another one."
        )


def _check_tables(config: ocio.Config, what: str) -> None:
    """Refuse look-up tables that would be read for ever: pipes, devices. Raises `ColorError`."""
    context = config.getCurrentContext()
    for source in {transform.getSrc() for transform in _file_transforms(config)}:
        try:
            table = Path(context.resolveFileLocation(source))
        except OCIO_ERRORS:
            continue  # it is missing: told where it is needed
        if not table.exists() or table.is_dir():
            continue
        if not table.is_file():
            raise ColorError(
                f"The OpenColorIO configuration {what} reads {table}, which is a device or a pipe and no "
                "look-up table. Use another one."
            )
        if table.stat().st_size > MAX_LUT_MB << 20:
            raise ColorError(
                f"The OpenColorIO configuration {what} reads {table}, which has more than {MAX_LUT_MB} MB. "
                "Use another one."
            )


def _file_transforms(config: ocio.Config) -> Iterator[ocio.FileTransform]:
    """Find the look-up tables of everything in a configuration."""
    waiting: list[ocio.Transform | None] = []
    for space in config.getColorSpaces(ocio.SEARCH_REFERENCE_SPACE_ALL, ocio.COLORSPACE_ALL):
        waiting += (space.getTransform(way) for way in _SPACE_WAYS)
    for view in config.getViewTransforms():
        waiting += (view.getTransform(way) for way in _VIEW_WAYS)
    for look in config.getLooks():
        waiting += (look.getTransform(), look.getInverseTransform())
    for named in config.getNamedTransforms(ocio.NAMEDTRANSFORM_ALL):
        waiting += (named.getTransform(way) for way in _WAYS)
    while waiting:
        transform = waiting.pop()
        if isinstance(transform, ocio.FileTransform):
            yield transform
        elif isinstance(transform, ocio.GroupTransform):
            waiting += transform


def read_shipped_config() -> ocio.Config:
    """Read the configuration that ships, whatever is asked for elsewhere."""
    return _opened(str(SHIPPED_CONFIG))


def _opened(path: str) -> ocio.Config:
    """Read a file, or what OpenColorIO has under a name.

    On Windows OpenColorIO opens none whose path has letters beyond ASCII, as a user's home folder may: such a
    one is read for it. An archive (.ocioz) it has to open itself.
    """
    if damaged := damage(Path(path)):
        raise ColorError(damaged)
    if sys.platform == "win32" and not path.isascii() and not path.lower().endswith(".ocioz"):
        config = ocio.Config.CreateFromStream(Path(path).read_text(encoding="utf-8"))
        config.setWorkingDir(str(Path(path).absolute().parent))
        return config
    return ocio.Config.CreateFromFile(path)


def _look_at_names(config: ocio.Config) -> None:
    """Read once all that is read of a configuration later: `UnicodeError` where something is no UTF-8."""
    for space in config.getColorSpaces(ocio.SEARCH_REFERENCE_SPACE_ALL, ocio.COLORSPACE_ALL):
        _ = space.getName(), space.getFamily(), space.getEncoding(), list(space.getAliases())
    rules = config.getFileRules()
    for index in range(rules.getNumEntries()):
        _ = rules.getName(index), rules.getColorSpace(index)


def _builtin_names() -> set[str]:
    registry = ocio.BuiltinConfigRegistry()
    return {
        "default",
        "cg-config-latest",
        "studio-config-latest",
        *(entry[0] for entry in registry.getBuiltinConfigs()),
    }


def _which_configs(origin: str) -> str:
    unset = "unset $OCIO, or " if origin else ""
    return f"Correct the path, {unset}use the default one (--ocio howard) or ocio://studio-config-latest."


def _load_message(source: str, error: str, origin: str) -> str:
    said = " ".join(error.split()).rstrip(".")
    if "is not able to load that config version" in said:
        return (
            f"The OpenColorIO configuration {source} is newer than OpenColorIO {ocio.__version__} here can "
            f"read. Update the opencolorio package, or use an older configuration. ({said})"
        )
    if "built-in configurations" in said:
        return (
            f"OpenColorIO {ocio.__version__} has no built-in configuration {source}. "
            f"It has: {', '.join(sorted(_builtin_names()))}."
        )
    return f"The OpenColorIO configuration {source} cannot be read: {said}. {_which_configs(origin)}"
