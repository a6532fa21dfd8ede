"""`howard verify`: is a result there, whole, and of one piece."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from howard_nodes.atomic import write_file
from howard_nodes.cli.console import on_terminal, print_json, progress_bar, warn
from howard_nodes.cli.options import OpenJD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from howard_nodes.shot.checking import CheckedFile, CheckedFrame

__all__ = ["verify"]

_JOIN = "join"


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
    page: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Save a page to look at in a browser, as HTML: verdicts, doubts and pictures.",
        ),
    ] = None,
    before: Annotated[
        str | None,
        typer.Option(metavar="PATTERN", help="Another version of the result, for the page to compare with."),
    ] = None,
    plate: Annotated[
        str | None,
        typer.Option(metavar="PLATE", help="Source footage, for the page to show beside the matte."),
    ] = None,
    start_frame: Annotated[
        str | None,
        typer.Option(
            metavar="N|timecode", help="Number of a source movie's first frame, as for howard matte."
        ),
    ] = None,
    layer: Annotated[
        str | None, typer.Option(metavar="NAME", help="Layer of the source's EXR. By default the main layer.")
    ] = None,
    colorspace: Annotated[
        str | None, typer.Option(metavar="NAME", help="Colour space of the source, as for howard matte.")
    ] = None,
    ocio: Annotated[
        str | None, typer.Option(metavar="FILE", help="OpenColorIO configuration, as for howard matte.")
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(
            metavar="RANGE|join",
            help="Check these of --frames only; join puts all parts together, and reads no frame.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines on stdout.")] = False,
    as_openjd: OpenJD = False,
) -> None:
    """Check that every frame is there, can be read to its last pixel, and was made with the same settings.

    Frames to which the clean plate could not be fitted do not pass either. The page needs no server and no
    network; it also names frames that pass but are worth a look. With --part a farm shares the work.

    [bold]Example:[/bold]  howard verify out/shot.####.exr --frames 1001-1240 --page out/shot.html

    Exit codes: 0 all frames passed, or a part is written, 1 frames missing, corrupt, different or without a
    fit, 2 wrong input.
    """
    from howard_nodes.errors import InputError
    from howard_nodes.frames import expected_frames, format_frames, parse_frames
    from howard_nodes.shot.checking import check_frames, differences, find_result

    result = find_result(pattern)
    if frames is None:
        wanted = expected_frames(frame for sequence in result.values() for frame in sequence.frames)
    else:
        wanted = parse_frames(frames)
        if len(wanted) > 1 and next(iter(result.values())).is_still:
            raise InputError(f"{pattern} is one file; write #### in place of its frame number")
    made = parts = None
    if page is not None or part is not None:
        import torch

        torch.set_num_threads(1)  # the threads that check have the cores
    if part is not None:
        from howard_nodes.sheets.check_parts import CheckParts

        if before is not None:
            raise InputError("--before is for a check of all frames in one go: leave out --part.")
        parts = CheckParts(pattern, result, wanted, ocio)
        if part != _JOIN:
            _check_part(parts.check(parse_frames(part)), len(parse_frames(part)), as_json, as_openjd)
            return
    if page is not None:
        from howard_nodes.sheets.reviewing import PlateSource, Reviewing

        source = PlateSource(plate, start_frame, layer, colorspace)
        made = Reviewing(pattern, wanted, before=before, source=source, ocio=ocio)
    elif unused := _unused(before=before, plate=plate):
        raise InputError(f"{unused} is for the page: add --page FILE, such as --page out/shot.html.")
    problems: dict[int, list[str]] = {}
    facts: list[CheckedFile] = []
    if parts is not None:
        checking = parts.joined() if made is None else made.take(parts.joined())
    else:
        checking = made.check(result) if made is not None else check_frames(result, wanted)
    for checked in _told(_files(checking), len(wanted) * len(result), as_json, as_openjd):
        if checked.problem is None:
            facts.append(checked)
        else:
            problems.setdefault(checked.frame, []).append(checked.problem)
    for frame, problem in differences(facts):
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
        _show(pattern, sorted({file.frame for file in facts}), contact_sheet, ocio)
    if made is not None and page is not None:
        for note in made.write(page):
            warn(note)
    if problems:
        raise typer.Exit(1)


def _check_part(checking: Iterator[CheckedFrame[Any]], count: int, as_json: bool, as_openjd: bool) -> None:
    """Check some frames. What is wrong with them fails what puts all parts together, so that it says so."""
    bad = {}
    for checked in _told(_files(checking), count, as_json, as_openjd):
        if checked.problem is not None:
            bad[checked.frame] = checked.problem
    if not as_json:
        for problem in bad.values():
            print(problem)
        print(f"{'openjd_status: ' if as_openjd else ''}{count} frames checked, {len(bad)} with problems")


def _report(
    pattern: str, wanted: tuple[int, ...], problems: dict[int, list[str]], facts: list[CheckedFile]
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


def _show(pattern: str, frames: list[int], sheet: Path, ocio: str | None) -> None:
    from howard_nodes.errors import InputError
    from howard_nodes.sheets.overview import overview

    if not frames:
        warn(f"{sheet}: not made, there is no frame to show")
        return
    try:
        overview(pattern, tuple(frames), sheet, ocio)
    except InputError as error:
        warn(str(error))


def _unused(**given: str | None) -> str:
    return next((f"--{name}" for name, value in given.items() if value is not None), "")


def _files(checking: Iterator[CheckedFrame[Any]]) -> Iterator[CheckedFile]:
    for frame in checking:
        yield from frame.files


def _told(checks: Iterator[CheckedFile], count: int, as_json: bool, as_openjd: bool) -> Iterator[CheckedFile]:
    """Tell of each file that is checked, of so many."""
    for number, checked in enumerate(_with_bar(checks, count, as_json), 1):
        if as_json:
            event = {"event": "frame_checked", "frame": checked.frame, "path": checked.path}
            print_json(event | {"problem": checked.problem})
        elif as_openjd:
            print(f"openjd_progress: {min(100.0, 100 * number / count):.1f}", flush=True)
        yield checked


def _with_bar(checks: Iterator[CheckedFile], total: int, as_json: bool) -> Iterator[CheckedFile]:
    if as_json or not on_terminal():
        yield from checks
        return
    with progress_bar("files") as bar:
        task = bar.add_task("verify", total=total, note="")
        for checked in checks:
            bar.advance(task)
            yield checked
