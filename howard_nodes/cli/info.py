"""`howard info`: what a file or sequence is, and how Howard would read it."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from howard_nodes.cli.console import print_json, print_pairs

if TYPE_CHECKING:
    from howard_nodes.color import ColorConfig
    from howard_nodes.frames import FileInfo, PartInfo

__all__ = ["info"]

_LONGEST = 300  # characters of a metadata value shown to people


def info(
    pattern: Annotated[str, typer.Argument(metavar="FILE|PATTERN", help="plate.1001.exr or plate.####.exr")],
    colorspace: Annotated[
        str | None, typer.Option(metavar="NAME", help="As for matte: see what it comes to.")
    ] = None,
    ocio: Annotated[
        str | None, typer.Option(metavar="CONFIG", help="OpenColorIO configuration, as for matte.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Show what a file or sequence is.

    Parts, layers, channels, windows, compression, metadata, missing frames, and the colour space that Howard
    would take it to be in, with the reason.

    [bold]Example:[/bold]  howard info plate.####.exr
    """
    from howard_nodes.color import ColorConfig
    from howard_nodes.frames import Sequence, inspect_file

    sequence = Sequence.find(pattern)
    path = sequence.path(sequence.frames[0])
    file = inspect_file(path)
    found = _describe(file, ColorConfig.load(ocio), colorspace)
    if not sequence.is_still:
        found = {"pattern": pattern, **_frames(sequence.frames)} | found
    if as_json:
        print_json(found)
        return
    print(pattern)
    print_pairs(_lines(found))


def _frames(frames: tuple[int, ...]) -> dict[str, Any]:
    from howard_nodes.frames import format_frames

    missing = sorted(set(range(frames[0], frames[-1] + 1)) - set(frames))
    return {"frames": format_frames(frames), "frame_count": len(frames), "missing": format_frames(missing)}


def _describe(file: FileInfo, config: ColorConfig, requested: str | None) -> dict[str, Any]:
    from howard_nodes.frames import read_attributes

    parts = [_describe_part(file, part, config, requested) for part in file.parts]
    own = {name: value for name, value in read_attributes(file.path).items() if name.startswith("howard:")}
    return {
        "path": str(file.path),
        "format": file.format,
        "size": file.size,
        "ocio": config.description,
        "parts": parts,
        "howard": own,
    }


def _describe_part(
    file: FileInfo, part: PartInfo, config: ColorConfig, requested: str | None
) -> dict[str, Any]:
    from howard_nodes.errors import ColorError

    try:
        resolved = config.resolve(
            file.path, part.colorspace, requested, chromaticities=part.metadata.get("chromaticities")
        )
        colour = {"space": resolved.space, "reason": resolved.reason, "guessed": resolved.guessed}
    except ColorError as error:
        if requested:
            raise
        colour = {"space": None, "reason": str(error), "guessed": False}
    metadata = {name: _plain(value) for name, value in part.metadata.items()}
    return asdict(replace(part, metadata=metadata)) | {"resolved": colour}


def _lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    lines = []
    if "frames" in found:
        missing = f", missing {found['missing']}" if found["missing"] else ""
        lines.append(("frames", f"{found['frames']} ({found['frame_count']}){missing}"))
    lines.append(("file", f"{found['path']}, {found['format']}, {_size(found['size'])}"))
    for part in found["parts"]:
        if len(found["parts"]) > 1:
            lines.append(("part", f"{part['index']} {part['name']}"))
        lines += _part_lines(part)
    # The fingerprint is for machines; --json has it.
    lines += [(name, _text(value)) for name, value in found["howard"].items() if "fingerprint" not in name]
    return lines


def _part_lines(part: dict[str, Any]) -> list[tuple[str, str]]:
    data, display = part["data_window"], part["display_window"]
    lines = [("size", f"{display['width']} x {display['height']}")]
    if data != display:
        lines.append(("data window", f"{_window(data)} in display window {_window(display)}"))
    if part["pixel_aspect"] != 1.0:
        lines.append(("pixel aspect", f"{part['pixel_aspect']:g}"))
    tiles = f", tiles {part['tile'][0]} x {part['tile'][1]}" if part["tile"] else ""
    if part["compression"] or tiles:
        lines.append(("compression", (part["compression"] or "none") + tiles))
    lines.append(("colour", part["resolved"]["reason"]))
    name = "layers"
    for layer, channels in part["layers"].items():
        types = "/".join(dict.fromkeys(part["channels"][channel] for channel in channels))
        short = " ".join(channel.rpartition(".")[2] for channel in channels)
        lines.append((name, f"{layer or '(main)'}: {short}, {types}"))
        name = ""
    name = "metadata"
    for key, value in sorted(part["metadata"].items()):
        lines.append((name, f"{key} = {_text(value)}"))
        name = ""
    return lines


def _window(window: dict[str, int]) -> str:
    return f"{window['width']}x{window['height']}{window['x']:+d}{window['y']:+d}"


def _plain(value: Any) -> Any:
    """Write timecodes and rates as people do."""
    kind = getattr(value, "type", "")
    if kind == "timecode":
        return ":".join(f"{value[0] >> shift & 0x3F:02x}" for shift in (24, 16, 8, 0))
    return f"{value[0]}/{value[1]}" if kind == "rational" else value


def _text(value: Any) -> str:
    text = (
        " ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in value)
        if isinstance(value, tuple | list)
        else str(value)
    )
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text)} characters)"


def _size(size: int) -> str:
    for unit, limit in (("B", 1000), ("kB", 1e6), ("MB", 1e9)):
        if size < limit:
            return f"{size * 1000 / limit:.3g} {unit}"
    return f"{size / 1e9:.3g} GB"
