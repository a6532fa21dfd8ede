"""A plate and its clean plate, made to fit: the files' side of `howard_nodes.plates`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from howard_nodes.description import FitSettings
from howard_nodes.engine.cache import KeptWhileSame
from howard_nodes.errors import FrameError, InputError
from howard_nodes.frames import Frame, absent, check_readable, check_size, with_neighbours
from howard_nodes.plates.fit import FrameFit, ShotFit, Source
from howard_nodes.plates.fitted import Fitted, fitted_clean
from howard_nodes.shot.barred import FIT_MARGIN, Barred, without_bars
from howard_nodes.shot.events import Event, FrameFitted, Note, PlatesFitted, Step
from howard_nodes.shot.take import Light, Take

if TYPE_CHECKING:
    from howard_nodes.engine.engine import Engine
    from howard_nodes.plates.takes import Takes

__all__ = ["Plates", "seen_by"]


class Plates:
    """A plate, its clean plate, and how they fit.

    Parameters
    ----------
    plate, clean : Take
        The two takes.
    frames : tuple of int
        Frames of the plate that are wanted.
    settings : FitSettings
        How the clean plate is made to fit.
    tell : callable
        Told what happens.
    offset : int
        Frame n of the plate has the same number as frame n + offset of the clean plate.
    reach : int
        How many frames before and after those wanted are fitted with them.
    spared : collection of int
        Frames of the plate, not wanted, that are not to be read either: they would end the process.

    Attributes
    ----------
    fit : ShotFit or None
        None before `solve`, and where clean plates are used as they are.
    """

    def __init__(
        self,
        plate: Take,
        clean: Take,
        frames: tuple[int, ...],
        settings: FitSettings,
        tell: Callable[[Event], None],
        *,
        offset: int = 0,
        reach: int = 0,
        spared: Collection[int] = (),
    ) -> None:
        self.plate, self.clean, self.frames = plate, clean, frames
        self._reach, self._wanted = reach, frozenset(frames)
        self.settings, self.offset = settings, offset
        self.fit: ShotFit | None = None
        self._is_overscan_told = False
        self._spared = spared
        self._barred: Barred | None = None
        self._fitted: KeptWhileSame[Fitted] = KeptWhileSame()
        self._tell = tell

    @property
    def barred(self) -> Barred:
        """What bars the two takes have: looked for once."""
        if self._barred is None:
            self._barred = Barred.of(
                self.plate, self.clean, self._tell, spared=self._spared, offset=self.offset
            )
        return self._barred

    def read(self, frame: int) -> None:
        """Read the files of a frame, and no other. Raises `FrameError`."""
        self.plate.light(frame)
        self.clean.light(self._clean_frame(frame))

    def paths(self, frame: int) -> tuple[Path, Path]:
        """Name the files of a frame and of the clean frame of the same number."""
        return self.plate.footage.path(frame), self.clean.footage.path(frame + self.offset)

    def check_headers(self) -> None:
        """Look at the first frame's headers: a wrong clean plate or layer is not found 2,000 times.

        Raises
        ------
        InputError
            A file is of a kind that is not read, a layer is missing, or the sizes differ.
        """
        first = next(iter(self.plate.footage.select(self.frames)))
        sizes: list[tuple[int, int]] = []
        for take, frame in ((self.plate, first), (self.clean, self._clean_frame(first))):
            check_readable(take.footage, frame, layer=take.layer)
            path = take.footage.path(frame)
            try:
                if not take.footage.exists(frame):
                    return
                sizes.append(take.footage.display_size(frame))
            except FrameError:
                return  # said again, with the frame, when it is read
        if sizes[0] != sizes[1]:
            turned = " (is one of them rotated?)" if sizes[0] == sizes[1][::-1] else ""
            raise InputError(
                f"{path}: the clean plate is {sizes[1][0]}x{sizes[1][1]}, the plate "
                f"{self.plate.footage.path(first)} {sizes[0][0]}x{sizes[0][1]}{turned}; "
                "give both the same size."
            )

    def solve(
        self,
        engine: Engine,
        given: str | None = None,
        report: str | None = None,
        known: ShotFit | None = None,
    ) -> None:
        """Find out how the clean plate fits, or take what was found before.

        Parameters
        ----------
        engine : Engine
            Its coarse stage keeps the subject out of what is measured.
        given : str, optional
            A report to use in place of a new solve.
        report : str, optional
            Where to write what was found.
        known : ShotFit, optional
            What was found in this process, and still holds.

        Raises
        ------
        InputError
            A given fit does not belong to this shot, or the report cannot be written.
        """
        present = self.plate.footage.select(self.frames)
        if given is not None:
            light = self.plate.light(present[0])
            window = light.header.display_window
            size = (window.width, window.height)
            # Of a long shot's fit a task needs little; a report repeats all of it.
            needed = self.fitted_frames() if report is None else None
            self.fit = ShotFit.load(Path(given), needed).covering(present, size, light.space, given)
        elif not self.settings.does_nothing:
            self.fit = known or self._solved(engine)
        if self.fit is not None:
            self._tell(PlatesFitted.of(self.fit))
            if report is not None:
                self.fit.save(Path(report))

    def fitted_frames(self) -> tuple[int, ...]:
        """List the frames that a new fit is made for: those wanted that are there, and neighbours."""
        footage = self.plate.footage
        return with_neighbours(footage, footage.select(self.frames), self._reach)

    def frame_fit(self, frame: int) -> FrameFit:
        """Give the fit of a frame.

        Raises
        ------
        FrameError
            The frame is missing, or was when the fit was made.
        """
        footage = self.plate.footage
        if not footage.exists(frame):
            raise absent(footage, frame, "plate", frame)
        if self.fit is None:
            return FrameFit(frame, (Source(self._clean_frame(frame)),), motion="off")
        if frame not in self.fit.frames:
            self.plate.light(frame)  # says what is wrong with it
            raise FrameError(
                "could not be read when the clean plate was fitted.", path=footage.path(frame), frame=frame
            )
        return self.fit.frames[frame]

    def fitted(self, frame: int) -> tuple[Light, Fitted]:
        """Read a frame and make its clean plate fit it.

        Raises
        ------
        FrameError
            A file is missing, damaged or of another size.
        """
        light = self.plate.light(frame)
        fit = self.frame_fit(frame)

        def clean(number: int) -> tuple[np.ndarray, np.ndarray | None]:
            other = self.clean.light(number, light.space)
            check_size("clean plate", other.header, light.header, frame)
            pixels, valid = other.on(light.header.data_window, light.header.display_window)
            return pixels, self.barred.clean_valid(pixels, valid)

        covers = self.barred.covers(light)
        if covers is not None:
            light = replace(light, valid=covers)
        header = light.header
        windows = header.data_window, header.display_window
        sources = [(source.frame, self.clean.digest(source.frame)) for source in fit.sources]
        fitted = self._fitted.get(
            (fit.fingerprint, sources, windows, light.space), lambda: fitted_clean(fit, clean, *windows)
        )
        if fit.moved:
            from howard_nodes.plates.moved import follow_moved_parts  # torch, see `_solved`

            fitted = follow_moved_parts(light.pixels, fitted)
        if covers is not None:
            assert self.barred.plate is not None
            fitted = replace(fitted, valid=self.barred.plate.needed(fitted.valid))
        self._look_at_overscan(header, fitted.valid)
        return light, fitted

    def _look_at_overscan(self, header: Frame, valid: np.ndarray | None) -> None:
        """Say once where the plate has overscan and the clean plate does not."""
        data, display = header.data_window, header.display_window
        if valid is None or self._is_overscan_told or data == display:
            return
        beyond = np.ones(valid.shape, bool)
        top, left = display.y - data.y, display.x - data.x
        beyond[max(0, top) : max(0, top + display.height), max(0, left) : max(0, left + display.width)] = (
            False
        )
        if beyond.any() and valid[beyond].mean() < 0.5:
            self._is_overscan_told = True
            self._tell(
                Note(
                    "the plate has overscan that the clean plate does not cover: check the matte there.", True
                )
            )

    def digests(self, frame: int) -> dict[str, str]:
        """Hash all that a frame's plate and fitted clean plate are made of.

        Raises
        ------
        FrameError
            A file is missing or cannot be read.
        """
        return self._digests(frame, self.frame_fit(frame))

    def digests_with(self, frame: int, fit: ShotFit) -> dict[str, str] | None:
        """Hash what a frame would be made of with another fit; None where that cannot be."""
        try:
            return self._digests(frame, fit.frames[frame])
        except FrameError:
            return None

    def _digests(self, frame: int, fit: FrameFit) -> dict[str, str]:
        footage = self.clean.footage
        parts = {"plate": self.plate.digest(frame), "fit": fit.fingerprint}
        if self.barred != Barred():
            parts["bars"] = str(self.barred)
        for source in fit.sources:
            if not footage.exists(source.frame):
                raise absent(footage, source.frame, "clean plate", frame)
            parts[f"clean {source.frame}"] = self.clean.digest(source.frame)
        return parts

    def _clean_frame(self, frame: int) -> int:
        """Give the clean frame that belongs to a frame when nothing else is known."""
        footage = self.clean.footage
        if footage.is_still:
            return footage.frames[0]
        same = frame + self.offset
        return same if self.settings.align == "off" or footage.exists(same) else footage.frames[0]

    def _solved(self, engine: Engine) -> ShotFit:
        # Torch is loaded where something is computed, not where a plan is made.
        from howard_nodes.plates.solving import fit_shot

        return fit_shot(
            self.takes(engine),
            self.settings,
            on_fit=self.tell_of_fit,
            on_note=self.tell_of_shot,
            on_look=self.tell_of_look,
        )

    def tell_of_fit(self, fit: FrameFit) -> None:
        """Tell that a frame was fitted; progress counts those wanted."""
        if fit.frame in self._wanted:
            self._tell(FrameFitted.of(fit))

    def tell_of_look(self, done: int, total: int) -> None:
        """Tell how many of how many frames a fit has looked at to know the shot."""
        self._tell(Step("scout", done, total))

    def tell_of_shot(self, message: str, warning: bool) -> None:
        """Tell what a fit says of the whole shot."""
        self._tell(Note(message, warning))

    def takes(self, engine: Engine) -> Takes:
        """Give both takes as a new fit looks at them.

        Parameters
        ----------
        engine : Engine
            Its coarse stage keeps the subject out of what is measured.
        """
        from howard_nodes.plates.takes import Takes

        plate, clean, frames = self.plate, self.clean, self.fitted_frames()
        barred = self.barred
        space = _first_space(plate, frames) or engine.config.scene_linear

        def plate_light(frame: int) -> np.ndarray:
            light = plate.light(frame, space)
            pixels = light.on(light.header.display_window)[0]
            return without_bars(barred.plate, pixels) if barred.covers(light) is not None else pixels

        def clean_light(frame: int) -> tuple[np.ndarray, np.ndarray | None]:
            light = clean.light(frame, space)
            pixels, valid = light.on(light.header.display_window)
            return without_bars(barred.clean, pixels), barred.clean_valid(pixels, valid)

        footage, offset = clean.footage, self.offset
        return Takes(
            frames=frames,
            plate=plate_light,
            clean_frames=footage.frames[:1] if footage.is_still else footage.frames,
            clean=clean_light,
            same_number=lambda frame: frame + offset,
            by_number=offset != 0,
            covers=lambda frame: (
                barred.covers(plate.light(frame, space), margin=FIT_MARGIN)
                if barred.plate is not None
                else None
            ),
            **seen_by(engine, space),
        )


def seen_by(engine: Engine, space: str) -> dict[str, Any]:
    """Give the part of `Takes` that an engine decides.

    Parameters
    ----------
    engine : Engine
        Its coarse stage finds the subject.
    space : str
        Colour space of both takes.

    Returns
    -------
    dict
        `space`, `to_rec709` and `subject`.
    """
    return {
        "space": space,
        "to_rec709": lambda pixels: engine.config.to_linear_rec709(pixels, space),
        "subject": lambda one, other: engine.coarse_matte(one, other, space),
    }


def _first_space(plate: Take, frames: tuple[int, ...]) -> str | None:
    """Scene-linear space of the first frame that can be read."""
    for frame in frames:
        try:
            return plate.light(frame).space
        except FrameError:
            continue  # it fails, with its name, where it is to be matted
    return None
