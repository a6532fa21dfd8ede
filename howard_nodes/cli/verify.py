"""`howard verify`: is a result there, whole, and of one piece."""

from __future__ import annotations

import json
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from howard_nodes.atomic import write_file
from howard_nodes.cli.console import on_terminal, print_json, progress_bar, warn
from howard_nodes.cli.options import OpenJD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from howard_nodes.frames import Sequence

__all__ = ["verify"]

_THREADS = 8


@dataclass(frozen=True)
class _Checked:
    """One file: what is wrong with it, and what must be the same in all files of its sequence."""

    sequence: int
    frame: int
    path: Path
    problem: str | None
    facts: dict[str, str]
    misfit: str = ""


def verify(
    pattern: Annotated[
        str,
        typer.Argument(
            metavar="PATTERN", help="Output to check, as given to howard matte -o: out/shot.####.exr."
        ),
    ],
    frames: Annotated[
        str | None, typer.Option(metavar="RANGE", help="Frames that must exist. By default first to last.")
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Save the result as JSON.")] = None,
    contact_sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save a contact sheet of some frames, as PNG.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines on stdout.")] = False,
    as_openjd: OpenJD = False,
) -> None:
    """Check that every frame is there, can be read to its last pixel, and was made with the same settings.

    Frames to which the clean plate could not be fitted do not pass either.

    [bold]Example:[/bold]  howard verify out/shot.####.exr --frames 1001-1240

    Exit codes: 0 all frames passed, 1 frames missing, corrupt, different or without a fit, 2 wrong input.
    """
    from howard_nodes.errors import InputError
    from howard_nodes.frames import expected_frames, format_frames, parse_frames

    sequences = _sequences(pattern)
    if frames is None:
        wanted = expected_frames(frame for sequence in sequences for frame in sequence.frames)
    else:
        wanted = parse_frames(frames)
        if len(wanted) > 1 and sequences[0].is_still:
            raise InputError(f"{pattern} is one file; write #### in place of its frame number")
    problems: dict[int, list[str]] = {}
    facts: list[_Checked] = []
    count = len(wanted) * len(sequences)
    for number, checked in enumerate(_with_bar(_check_all(sequences, wanted), count, as_json), 1):
        if checked.problem is None:
            facts.append(checked)
        else:
            problems.setdefault(checked.frame, []).append(checked.problem)
        if as_json:
            print_json(
                {
                    "event": "frame_checked",
                    "frame": checked.frame,
                    "path": checked.path,
                    "problem": checked.problem,
                }
            )
        elif as_openjd:
            print(f"openjd_progress: {100 * number / count:.1f}", flush=True)
    for frame, problem in _differences(facts):
        problems.setdefault(frame, []).append(problem)
        if as_json:
            print_json({"event": "frame_differs", "frame": frame, "problem": problem})
    for frame, misfit in {file.frame: file.misfit for file in facts if file.misfit}.items():
        problems.setdefault(frame, []).append(misfit)
        if as_json:
            print_json({"event": "frame_misfit", "frame": frame, "problem": misfit})
    bad = format_frames(problems)
    summary = f"{len(wanted) - len(problems)} of {len(wanted)} frames passed"
    summary += f"; failed: {bad}" if bad else ""
    if as_json:
        print_json({"event": "finished", "frames": format_frames(wanted), "total": len(wanted), "bad": bad})
    else:
        for frame in sorted(problems):
            for problem in problems[frame]:
                print(problem)
        print(summary)
    if as_openjd:
        why = f": {problems[min(problems)][0]}" if problems else ""
        print(f"openjd_{'fail' if bad else 'status'}: {summary}{why}", flush=True)
    if report is not None:
        write_file(report, _report(pattern, wanted, problems, facts))
    if contact_sheet is not None:
        _show(pattern, sorted({file.frame for file in facts}), contact_sheet)
    if problems:
        raise typer.Exit(1)


def _report(
    pattern: str, wanted: tuple[int, ...], problems: dict[int, list[str]], facts: list[_Checked]
) -> str:
    from howard_nodes.frames import format_frames

    document = {
        "format": "howard-verify-report",
        "version": 1,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "output": pattern,
        "frames": format_frames(wanted),
        "total": len(wanted),
        "well": len(wanted) - len(problems),
        "problems": {str(frame): problems[frame] for frame in sorted(problems)},
        "facts": {
            name: dict(Counter(file.facts[name] for file in facts).most_common())
            for name in (facts[0].facts if facts else ())
        },
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _show(pattern: str, frames: list[int], sheet: Path) -> None:
    from howard_nodes.errors import InputError
    from howard_nodes.sheets.overview import overview

    if not frames:
        warn(f"{sheet}: not made, there is no frame to show")
        return
    try:
        overview(pattern, tuple(frames), sheet)
    except InputError as error:
        warn(str(error))


def _sequences(pattern: str) -> list[Sequence]:
    """Find the sequence of a pattern; for PNG, those of all layers that `matte` made from it."""
    from howard_nodes.errors import InputError
    from howard_nodes.frames import Sequence
    from howard_nodes.layers import LAYERS, file_patterns

    found = []
    for name in file_patterns(pattern, LAYERS):
        try:
            found.append(Sequence.find(name))
        except InputError:
            continue
    return found or [Sequence.find(pattern)]  # which says what lies there instead


def _check_all(sequences: list[Sequence], wanted: tuple[int, ...]) -> Iterator[_Checked]:
    pool = ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1), "howard-verify")
    jobs = [(i, frame, sequence.path(frame)) for frame in wanted for i, sequence in enumerate(sequences)]
    try:
        yield from pool.map(lambda job: _check(*job), jobs)
    finally:
        pool.shutdown(cancel_futures=True)


def _check(sequence: int, frame: int, path: Path) -> _Checked:
    from howard_nodes.errors import FrameError
    from howard_nodes.frames import inspect_file, read_attributes, verify_file

    if not path.exists():
        return _Checked(sequence, frame, path, f"{path}: frame {frame} is missing", {})
    try:
        verify_file(path)
        parts = inspect_file(path).parts
        attributes = read_attributes(path)
    except FrameError as error:
        return _Checked(sequence, frame, path, str(error), {})
    facts = {
        "layers": " ".join(f"{name}:{kind}" for part in parts for name, kind in part.channels.items()),
        "size": " ".join(str(part.display_window) for part in parts),
        "compression": " ".join(part.compression for part in parts),
        "colour space": " ".join(str(part.colorspace) for part in parts),
        "Howard's version": _attribute(attributes, "howard:version"),
        "weights": _attribute(attributes, "howard:weights"),
        "settings": _attribute(attributes, "howard:settings"),
    }
    fit = str(attributes.get("howard:fit", ""))
    misfit = f"{path}: frame {frame}: clean plate fit {fit}" if fit.startswith("failed") else ""
    return _Checked(sequence, frame, path, None, facts, misfit)


def _attribute(attributes: dict[str, Any], name: str) -> str:
    return str(attributes.get(name, "not said"))


def _differences(checked: Iterable[_Checked]) -> Iterator[tuple[int, str]]:
    """Files that differ from what most files of their sequence have."""
    sequences: dict[int, list[_Checked]] = {}
    for file in checked:
        sequences.setdefault(file.sequence, []).append(file)
    for files in sequences.values():
        for name in files[0].facts:
            counts = Counter(file.facts[name] for file in files)
            usual = counts.most_common(1)[0][0]
            for file in files:
                if file.facts[name] != usual:
                    yield file.frame, f"{file.path}: {name} {file.facts[name]}, most frames have {usual}"


def _with_bar(checks: Iterator[_Checked], total: int, as_json: bool) -> Iterator[_Checked]:
    if as_json or not on_terminal():
        yield from checks
        return
    with progress_bar("files") as bar:
        task = bar.add_task("verify", total=total, note="")
        for checked in checks:
            bar.advance(task)
            yield checked
