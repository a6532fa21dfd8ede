"""What `howard plate fit` writes: how a clean plate fits its plate; in one go, or in parts on a farm.

The parts are a look at the whole shot (`scout`), its frames in any chunks, and what joins them (`join`). The
joined fit has the bits of one that was made in one go.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from howard_nodes import __version__
from howard_nodes.atomic import check_folder
from howard_nodes.color import ColorConfig
from howard_nodes.description import counting
from howard_nodes.description.job import Job
from howard_nodes.engine.cache import key_of
from howard_nodes.engine.runtime import WarmEngine
from howard_nodes.errors import InputError
from howard_nodes.frames import format_frames, name_frames, parse_frames
from howard_nodes.plates.fit import ShotFit
from howard_nodes.shot.clean_plates import PlateReport, plates_of, say_finished, say_started, warm_of
from howard_nodes.shot.events import Event, FrameFailed, Note, PlatesFitted
from howard_nodes.shot.mending import files_mark, mended_by, other_version, what_is_missing
from howard_nodes.shot.pair import Plates

if TYPE_CHECKING:
    from howard_nodes.plates.frame_solving import Found
    from howard_nodes.plates.parts import ScoutFile

__all__ = ["JOIN", "SCOUT", "fit_plates"]

SCOUT, JOIN = "scout", "join"
"""The parts of a fit that are no frames."""

_BESIDE = 64  # clean frames beside a frame's own that may fill its holes


def fit_plates(
    job: Job,
    on_event: Callable[[Event], None] = lambda _: None,
    *,
    part: str | None = None,
    make_folder: bool = True,
) -> PlateReport:
    """Find out how a clean plate fits its plate, and write that alone: what `howard matte --fit` takes.

    Parameters
    ----------
    job : Job
        What to do; its output is the report, a JSON file.
    on_event : callable
        Told of everything that happens.
    part : str, optional
        `SCOUT`, frames, or `JOIN`; by default all in one go.
    make_folder : bool
        Make the report's folder where it is not there.

    Returns
    -------
    PlateReport
        Failed are frames that could not be read. A clean plate that could not be fitted is told in the report
        and by `PlatesFitted`, and its frame is among the `misfits`.

    Raises
    ------
    InputError
        Nothing can be done as asked, there is nothing to fit, or parts are missing or belong to another shot;
        nothing was written.
    WriteError
        The report, or the part, cannot be written.
    """
    began = time.monotonic()
    if job.fitting.does_nothing:
        raise InputError("align and match exposure are off: there is nothing to fit.")
    path = Path(job.output)
    if path.suffix.lower() != ".json":
        raise InputError(f"{path}: a fit is written as JSON; use a name that ends in .json.")
    config = ColorConfig.load(job.ocio)
    plates = plates_of(job, config, on_event)
    frames = _frames(part, plates)
    check_folder(path, make=make_folder)
    warm = warm_of(job, config, on_event)
    work = _Parts(path, plates, warm, on_event)
    if part == SCOUT:
        work.scout()
        return PlateReport((), {})
    on_event(say_started(frames, warm, job))
    if part in (None, JOIN):
        fit = work.whole() if part is None else work.join()
        fitted = set(fit.frames)
    else:
        fit, fitted = None, work.fit(frames)
    done = [frame for frame in frames if frame in fitted]
    failed = {frame: f"frame {frame}: could not be read." for frame in frames if frame not in fitted}
    for frame, message in failed.items():
        on_event(FrameFailed(frame, message))
    on_event(say_finished(done, failed, began))
    return PlateReport(tuple(done), failed, fit=fit)


def _frames(part: str | None, plates: Plates) -> tuple[int, ...]:
    """List what a part fits. Raises `InputError` for frames that are not the shot's."""
    if part in (None, SCOUT, JOIN):
        return plates.frames
    frames = parse_frames(part)
    beyond = set(frames) - set(plates.fitted_frames())
    if beyond:
        raise InputError(f"--part {part}: the shot has no frames {name_frames(beyond)}.")
    return frames


class _Parts:
    """The parts of one shot's fit, in their folder."""

    def __init__(self, fit: Path, plates: Plates, warm: WarmEngine, tell: Callable[[Event], None]) -> None:
        self._fit, self._plates, self._warm, self._tell = fit, plates, warm, tell
        takes = [
            (Path(take.footage.pattern).name, take.layer, take.requested)
            for take in (plates.plate, plates.clean)
        ]
        knobs = counting(warm.engine.settings, "fit") | counting(plates.settings, "fit")
        frames = format_frames(plates.fitted_frames())
        self._made_of = key_of(__version__, warm.key, knobs, takes, plates.offset, frames)

    def whole(self) -> ShotFit:
        """Fit the shot in one go."""
        self._plates.solve(self._warm.engine, report=str(self._fit))
        assert self._plates.fit is not None
        return self._plates.fit

    def scout(self) -> None:
        """Look at the shot."""
        from howard_nodes.plates.parts import ScoutFile, scout_path
        from howard_nodes.plates.scouting import scout_shot

        plates = self._plates
        takes = plates.takes(self._warm.engine)
        scouted = scout_shot(takes, plates.settings, plates.tell_of_shot, plates.tell_of_look)
        path = scout_path(self._fit)
        ScoutFile(scouted, self._made_of).save(path)
        moves = "moves" if scouted.still is None else "stands still"
        self._tell(Note(f"{path}: {len(scouted.frames)} frames, the camera {moves}"))

    def fit(self, frames: tuple[int, ...]) -> set[int]:
        """Fit some frames, unless that was done before; give those that could be read."""
        from howard_nodes.plates.parts import FitPart, part_path
        from howard_nodes.plates.solving import solve_frames

        plates, scout = self._plates, self._scouted()
        path, files = part_path(self._fit, frames), files_mark(self._files(frames, scout.scouted.pairs))
        try:
            known = FitPart.load(path)
        except InputError:
            known = None
        if (
            known is not None
            and (known.frames, known.scout, known.files) == (frames, scout.mark, files)
            and set(known.found) == set(frames)
        ):
            self._tell(Note(f"{path}: was made before, of the same files; kept."))
            return set(frames)
        takes = plates.takes(self._warm.engine)
        found = solve_frames(takes, plates.settings, scout.scouted, frames, plates.tell_of_fit)
        FitPart(frames, found, scout.mark, files).save(path)
        return set(found)

    def join(self) -> ShotFit:
        """Put all parts together, and write the fit."""
        from howard_nodes.plates.parts import FitPart, fit_parts
        from howard_nodes.plates.solving import joined

        scout = self._scouted()
        found: dict[int, Found] = {}
        covered: set[int] = set()
        refused: dict[str, str] = {}
        for path in fit_parts(self._fit):
            try:
                part = FitPart.load(path)
            except InputError as error:
                refused[path.name] = f"is damaged ({str(error).removeprefix(f'{path}: ')})"
                continue
            if part.howard != scout.howard:
                refused[path.name] = other_version(part.howard)
            elif part.scout != scout.mark:
                refused[path.name] = "was made with other settings, or of other plates"
            else:
                found |= part.found
                covered |= set(part.frames)
        missing = set(scout.scouted.frames) - covered
        if missing:
            folder = self._fit.with_suffix(".parts")
            raise InputError(f"{folder}: {what_is_missing('fit', missing, refused, 'Fit')}.")
        fit = joined(scout.scouted, found, self._plates.settings)
        self._tell(PlatesFitted.of(fit))
        fit.save(self._fit)
        return fit

    def _scouted(self) -> ScoutFile:
        from howard_nodes.plates.parts import ScoutFile, scout_path

        path = scout_path(self._fit)
        mend = f"make it with {mended_by('Scout', SCOUT)}"
        scout = ScoutFile.load(path, mend)
        if scout.howard != __version__:
            raise InputError(f"{path}: {other_version(scout.howard)}; {mend}.")
        if scout.made_of != self._made_of:
            raise InputError(f"{path}: was made with other settings, or of other plates; {mend}.")
        return scout

    def _files(self, frames: tuple[int, ...], pairs: dict[int, int]) -> Iterator[Path]:
        """List the files that fits of some frames may be made of."""
        plate, clean = self._plates.plate.footage, self._plates.clean.footage
        yield from dict.fromkeys(plate.path(frame) for frame in frames)
        numbers, paired = clean.frames, {pairs[frame] for frame in frames}
        places = [place for place, number in enumerate(numbers) if number in paired]
        first, last = (min(places) - _BESIDE, max(places) + _BESIDE) if places else (0, len(numbers))
        yield from dict.fromkeys(clean.path(number) for number in numbers[max(first, 0) : last + 1])
