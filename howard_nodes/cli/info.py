"""`howard info`: what a file, sequence or movie is, and how Howard would read it."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from howard_nodes.cli.console import print_json, print_pairs

if TYPE_CHECKING:
    from howard_nodes.color import ColorConfig
    from howard_nodes.frames import FileInfo, Movie, PartInfo

__all__ = ["info"]

_LONGEST = 300  # characters of a metadata value shown to people


def info(
    pattern: Annotated[
        str, typer.Argument(metavar="FILE|PATTERN", help="plate.1001.exr, plate.####.exr or take.mov")
    ],
    start_frame: Annotated[
        str | None,
        typer.Option(metavar="N|timecode", help="Number of a movie's first frame, as for howard matte."),
    ] = None,
    colorspace: Annotated[
        str | None, typer.Option(metavar="NAME", help="Colour space to assume, as for howard matte.")
    ] = None,
    ocio: Annotated[
        str | None, typer.Option(metavar="CONFIG", help="OpenColorIO configuration, as for howard matte.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Show what is in a file, sequence or movie.

    Parts, layers, channels, windows, compression, metadata, missing frames; codec, rate, timecode and tags of
    a movie; and the colour space that Howard would use, with the reason.

    [bold]Example:[/bold]  howard info plate.####.exr
    """
    from howard_nodes.color import ColorConfig
    from howard_nodes.description import FileOptions
    from howard_nodes.frames import Movie, inspect_file, open_footage

    start = FileOptions(start_frame=start_frame).start_frame
    footage, config = open_footage(pattern, start), ColorConfig.load(ocio)
    if isinstance(footage, Movie):
        found = _describe_movie(footage, config, colorspace)
    else:
        path = footage.path(footage.frames[0])
        found = _describe(inspect_file(path), config, colorspace)
        if not footage.is_still:
            found = {"pattern": pattern, **_frames(footage.frames)} | found
    if as_json:
        print_json(found)
        return
    print(pattern)
    print_pairs(_movie_lines(found) if "movie" in found else _lines(found))


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
        "picture": file.picture,
        "parts": parts,
        "howard": own,
    }


def _describe_part(
    file: FileInfo, part: PartInfo, config: ColorConfig, requested: str | None
) -> dict[str, Any]:
    colour = _resolved(
        config,
        file.path,
        part.colorspace,
        requested,
        chromaticities=part.metadata.get("chromaticities"),
        is_float=part.is_float,
    )
    metadata = {name: _plain(value) for name, value in part.metadata.items()}
    return asdict(replace(part, metadata=metadata)) | {"resolved": colour}


def _resolved(
    config: ColorConfig, path: Path, tagged: str | None, requested: str | None, **more: Any
) -> dict[str, Any]:
    from howard_nodes.errors import ColorError

    try:
        resolved = config.resolve(path, tagged, requested, **more)
    except ColorError as error:
        if requested:
            raise
        return {"space": None, "reason": str(error), "guessed": False}
    return {"space": resolved.space, "reason": resolved.reason, "guessed": resolved.guessed}


def _describe_movie(movie: Movie, config: ColorConfig, requested: str | None) -> dict[str, Any]:
    from howard_nodes.frames import format_frames

    path, about = movie.path(movie.frames[0]), movie.inspect()
    rate = None if about.rate is None else f"{about.rate.numerator}/{about.rate.denominator}"
    return {
        "path": str(path),
        "format": about.container,
        "size": path.stat().st_size,
        "ocio": config.description,
        "frames": format_frames(movie.frames),
        "frame_count": about.frame_count,
        "movie": asdict(about) | {"rate": rate},
        "resolved": _resolved(config, path, about.colorspace, requested),
        "notes": list(movie.notes()),
    }


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
    if found["picture"] is None:
        lines.append(("picture", "not certain which layer: name it with --layer (plate) or --clean-layer"))
    elif found["picture"]:
        lines.append(("picture", f"the layer '{found['picture']}'"))
    # The fingerprint is for machines; --json has it.
    lines += [(name, _text(value)) for name, value in found["howard"].items() if "fingerprint" not in name]
    return lines


def _movie_lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    movie = found["movie"]
    lines = [
        ("frames", f"{found['frames']} ({found['frame_count']}), {movie['duration']:.2f} s"),
        ("file", f"{found['path']}, {found['format']}, {_size(found['size'])}"),
        ("codec", " ".join(filter(None, (movie["codec"], movie["profile"])))),
        ("pixels", movie["pixel_format"] + (f", chroma {movie['chroma']}" if movie["chroma"] else "")),
        ("size", f"{movie['width']} x {movie['height']}"),
    ]
    if movie["pixel_aspect"] != 1.0:
        lines.append(("pixel aspect", f"{movie['pixel_aspect']:g}"))
    if movie["rotation"] or movie["mirrored"]:
        mirrored = ", mirrored" if movie["mirrored"] else ""
        lines.append(("turned", f"{movie['rotation']} degrees clockwise{mirrored}"))
    if movie["rate"]:
        numerator, denominator = (int(part) for part in movie["rate"].split("/"))
        varies = ", variable" if movie["variable_rate"] else ""
        lines.append(("rate", f"{numerator / denominator:.6g} frames a second ({movie['rate']}){varies}"))
    if movie["timecode"]:
        lines.append(("timecode", movie["timecode"]))
    tags = (f"{name} {movie[name]}" for name in ("range", "matrix", "primaries", "transfer"))
    lines += [("tags", ", ".join(tags)), ("colour", found["resolved"]["reason"])]
    name = "notes"
    for note in found["notes"]:
        lines.append((name, note))
        name = ""
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
        # Tens of hours and frames have two bits, those of minutes and seconds three; the rest are flags.
        digits = [value[0] >> shift & mask for shift, mask in ((24, 63), (16, 127), (8, 127), (0, 63))]
        hours, minutes, seconds, frames = (f"{pair:02x}" for pair in digits)
        return f"{hours}:{minutes}:{seconds}{';' if value[0] & 64 else ':'}{frames}"
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
