"""What is connected to the node's inputs, frame by frame through its stages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np

from howard_nodes.description import counting
from howard_nodes.engine.cache import key_of
from howard_nodes.engine.results import ON_REQUEST, Prediction
from howard_nodes.engine.runtime import KnownFit, Warm, WarmEngine
from howard_nodes.engine.stages import Around, KeyedMatte, Pictures, Stages
from howard_nodes.errors import FrameError
from howard_nodes.frames import (
    Footage,
    Frame,
    Window,
    absent,
    carried_over,
    check_size,
    fit_window,
    sanitize,
    with_neighbours,
)
from howard_nodes.layers import MatteResult
from howard_nodes.plates.fit import ShotFit
from howard_nodes.shot.events import Event, Note
from howard_nodes.shot.pair import Plates
from howard_nodes.solve import Glimpse

__all__ = ["Connected", "ConnectedFrame", "Content"]

_Seen = tuple[Window, str, Glimpse]


@dataclass(frozen=True)
class Content:
    """What a frame is made of.

    Attributes
    ----------
    plates, mattes : dict of str to str
        Hashes of plate, clean frames, fit and mattes, by name.
    neighbours : dict of int to Content
        The same of the frames that steady it, by number; those have none of their own.
    """

    plates: dict[str, str]
    mattes: dict[str, str]
    neighbours: dict[int, Content] = field(default_factory=dict)

    def hashes(self, frame: int) -> dict[str, str]:
        """Give all hashes by name; `frame` is its number."""
        named = self.plates | self.mattes
        for number, other in self.neighbours.items():
            named |= {f"{number - frame:+d} {name}": value for name, value in other.hashes(number).items()}
        return named


@dataclass(frozen=True)
class ConnectedFrame:
    """One frame, read and fitted.

    Attributes
    ----------
    pictures : Pictures
        Plate and fitted clean plate.
    header : Frame
        Of the plate's file, without pixels.
    file_space : str
        Colour space of the plate's file.
    guessed : bool
        Nobody said so: a rule for files of its kind did.
    mattes : dict of str to KeyedMatte
        `coarse_override`, `error_override` (H W C) and `inside`, `outside` (H W), where connected.
    covers : ndarray or None
        H W, 0 to 1, where there is a plate; None for everywhere.
    """

    pictures: Pictures
    header: Frame
    file_space: str
    guessed: bool
    mattes: dict[str, KeyedMatte] = field(default_factory=dict)
    covers: np.ndarray | None = None


class Connected:
    """Plate, clean plate and mattes of a shot, and the stages that make a result of them.

    Parameters
    ----------
    plates : Plates
        Plate and clean plate.
    mattes : mapping of str to Footage
        By name of input.
    engine : WarmEngine
        What computes.
    warm : Warm
        What is known from before, and takes what is found out.
    tell : callable
        Told what happens.
    on_stage : callable
        Told the name of each stage that runs, `read` left out: that is the takes'.
    layers : collection of str
        Those of the results; of those `ON_REQUEST` the others are None.
    """

    def __init__(
        self,
        plates: Plates,
        mattes: Mapping[str, Footage],
        engine: WarmEngine,
        warm: Warm,
        tell: Callable[[Event], None],
        on_stage: Callable[[str], None] = lambda _: None,
        layers: Collection[str] = ON_REQUEST,
    ) -> None:
        self.plates = plates
        self._mattes = mattes
        self._engine, self._warm = engine, warm
        self._tell, self._on_stage = tell, on_stage
        self._stages = Stages(engine.engine, engine.key, warm.cache, on_stage, layers)
        self._kept: KnownFit | None = None
        self._seen: dict[int, _Seen] = {}
        takes = [(take.footage.key, take.layer, take.requested) for take in (plates.plate, plates.clean)]
        knobs = counting(engine.engine.settings, "fit") | counting(plates.settings, "fit")
        self._fit_key = key_of("fit", engine.key, knobs, takes, plates.offset)

    @property
    def fit(self) -> ShotFit | None:
        """How the clean plate fits; None before `solve_fit`, and where it is used as it is."""
        return self.plates.fit

    def solve_fit(self, given: str | None = None, report: str | None = None) -> None:
        """Find out how the clean plate fits, or take what is known.

        Parameters
        ----------
        given : str, optional
            A report to use in place of a new solve.
        report : str, optional
            Where to write what was found.

        Raises
        ------
        InputError
            A fit that was given does not belong to this shot, or the report cannot be written.
        """
        plates = self.plates
        known = None
        if given is None and not plates.settings.does_nothing:
            known = self._known_fit()
            if known is None:
                self._on_stage("fit")
        plates.solve(self._engine.engine, given, report, known)
        if plates.fit is not None and given is None and known is None:
            self._kept = self._warm.keep_fit(self._fit_key, plates.fit)

    def _known_fit(self) -> ShotFit | None:
        plates = self.plates
        wanted, fitted = plates.plate.footage.select(plates.frames), plates.fitted_frames()
        known = self._warm.known_fit(self._fit_key, fitted, plates.digests_with)
        beside = set(fitted) - set(wanted)
        if known is None and beside:
            # At the ends of a shot that was fitted as a whole some neighbours are not in it.
            known = self._warm.known_fit(self._fit_key, wanted, plates.digests_with)
            if known is not None and not beside & set(known.frames):
                return None
        return known

    def content(self, frame: int) -> Content:
        """Hash all that a frame is made of, its neighbours included where they steady it.

        Raises
        ------
        FrameError
            A file is missing or cannot be read. A neighbour that cannot be used is left out.
        """
        neighbours = {}
        for number in self._neighbours(frame):
            with suppress(FrameError):  # said when it is that frame's turn
                neighbours[number] = self._content(number)
        return replace(self._content(frame), neighbours=neighbours)

    def _neighbours(self, frame: int) -> list[int]:
        """List the frames around one that are there, and were when the clean plate was fitted."""
        reach = self._engine.engine.settings.steadiness
        near = with_neighbours(self.plates.plate.footage, (frame,), reach)
        return [
            number for number in near if number != frame and (self.fit is None or number in self.fit.frames)
        ]

    def _content(self, frame: int) -> Content:
        self.plates.frame_fit(frame)
        for name, footage in self._mattes.items():
            if not footage.exists(frame):
                raise absent(footage, frame, name.replace("_", " "), frame)
        plates = self.plates.digests(frame)
        if self._kept is not None:
            self._kept.digests[frame] = plates
        return Content(plates, {name: footage.digest(frame) for name, footage in self._mattes.items()})

    def read(self, frame: int, content: Content) -> ConnectedFrame:
        """Read a frame and make its clean plate fit: the stages read and fit.

        Parameters
        ----------
        frame : int
            Its number.
        content : Content
            From `content`, of this frame.

        Raises
        ------
        FrameError
            A file is missing, damaged or of another size.
        """
        plates = self.plates
        takes = [(take.layer, take.requested) for take in (plates.plate, plates.clean)]
        paths = [str(path) for path in plates.paths(frame)]
        key = key_of("pictures", self._engine.engine.config.fingerprint, content.plates, takes, paths)

        def fitted() -> ConnectedFrame:
            light, clean = plates.fitted(frame)
            fitted, covers = clean.clean, light.valid
            header, made_of = light.header, dict(content.plates)
            if covers is None and not clean.followed:
                del made_of["plate"]
            if covers is not None:
                # Where there is no plate, nothing is in front of the clean plate.
                fitted = np.where(covers[..., None] > 0, fitted, light.pixels)
            clean_key = key_of(
                "clean",
                made_of,
                takes[1],
                paths[1],
                str((header.data_window, header.display_window)),
                light.space,
            )
            pictures = Pictures(key, light.pixels, fitted, light.space, clean_key, clean.valid)
            return ConnectedFrame(pictures, light.header, light.file_space, light.guessed, covers=covers)

        without_mattes = self._warm.cache.get(key, fitted)
        mattes = {
            name: KeyedMatte(content.mattes[name], self._matte(name, footage, without_mattes.header, frame))
            for name, footage in self._mattes.items()
        }
        if without_mattes.covers is not None:
            mattes["outside"] = _beyond(without_mattes.covers, content.plates["plate"], mattes.get("outside"))
        return replace(without_mattes, mattes=mattes)

    def predicted(self, inputs: ConnectedFrame) -> Prediction:
        """Run the stages up to unmix."""
        return self._stages.predicted(inputs.pictures, inputs.mattes)

    def around(
        self,
        frame: int,
        inputs: ConnectedFrame,
        content: Content,
        read: Callable[[int, Content], ConnectedFrame] | None = None,
    ) -> Around:
        """Look at the neighbours that steady a frame: each is computed once, while it is near.

        Parameters
        ----------
        frame : int
            Its number.
        inputs : ConnectedFrame
            From `read`, of this frame.
        content : Content
            From `content`, of this frame.
        read : callable, optional
            In place of `read`, where another thread is to do it.

        Returns
        -------
        tuple of tuple of str and Glimpse
            For `solved`. A neighbour that cannot be read, or of another window, is left out, with a note.
        """
        found: list[tuple[str, Glimpse]] = []
        for number, other in content.neighbours.items():
            seen = self._seen.get(number)
            if seen is None:
                try:
                    known = (read or self.read)(number, other)
                    seen = self.remember(number, known, self.predicted(known))
                except FrameError as error:
                    self._tell(
                        Note(f"frame {frame} is smoothed without frame {number}: {error}", True, frame)
                    )
                    continue
            window, key, picture = seen
            if window == inputs.header.data_window:
                found.append((key, picture))
            else:
                message = f"frame {frame} is smoothed without frame {number}: its data window differs."
                self._tell(Note(message, True, frame))
        if found:
            own = self._seen.get(frame) or self.remember(frame, inputs, self.predicted(inputs))
            found.insert(0, own[1:])
        reach = self._engine.engine.settings.steadiness
        self._seen = {number: seen for number, seen in self._seen.items() if number >= frame - reach}
        return tuple(found)

    def remember(self, frame: int, inputs: ConnectedFrame, prediction: Prediction) -> _Seen:
        """Keep what steadies a frame that was `predicted`, and its neighbours."""
        key, picture = self._stages.glimpse(inputs.pictures, inputs.mattes, prediction)
        self._seen[frame] = inputs.header.data_window, key, picture
        return self._seen[frame]

    def solved(
        self,
        inputs: ConnectedFrame,
        prediction: Prediction | None = None,
        around: Around = (),
    ) -> MatteResult:
        """Run the stages up to solve; a prediction from `predicted` saves asking for it again."""
        return self._stages.solved(inputs.pictures, inputs.mattes, prediction, around)

    def _matte(self, name: str, footage: Footage, plate: Frame, frame: int) -> np.ndarray:
        picture = footage.read(frame)
        pixels, bad = sanitize(picture.pixels)
        if bad:
            path = footage.path(frame)
            self._tell(Note(f"{path}: {bad} pixels are NaN or Inf; set to 0.", True, frame))
        check_size(name.replace("_", " "), picture, plate, frame)
        window = carried_over(picture.data_window, picture.display_window, plate.display_window)
        pixels = fit_window(pixels, window, plate.data_window)
        if name in ("inside", "outside"):
            # A garbage matte is its alpha where it has one, else its first channel.
            index = picture.channels.index("A") if "A" in picture.channels else 0
            return np.ascontiguousarray(pixels[..., index])
        if picture.straight_alpha and "A" in picture.channels:
            pixels = np.concatenate([pixels[..., :-1] * pixels[..., -1:], pixels[..., -1:]], axis=2)
        return pixels


def _beyond(covers: np.ndarray, key: str, outside: KeyedMatte | None) -> KeyedMatte:
    """Add to an outside matte where there is no plate."""
    pixels = 1.0 - covers
    if outside is None:
        return KeyedMatte(key, pixels)
    return KeyedMatte(key_of("outside", key, outside.key), np.maximum(pixels, outside.pixels))
