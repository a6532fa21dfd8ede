"""What space a picture is in, and the way from there to scene-linear light: OpenColorIO decides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock

import numpy as np
import PyOpenColorIO as ocio  # noqa: N813
from numpy.typing import NDArray

from howard_nodes.color.conversion import convert_pixels, usual_threads
from howard_nodes.color.gamuts import matching_gamut, primaries_of
from howard_nodes.color.loading import OCIO_ERRORS, read_config, read_shipped_config
from howard_nodes.color.spaces import (
    _CHROMATICITIES,
    _LINEAR,
    _LINEAR_REC709,
    Resolved,
    Space,
    _letters,
    _likeness,
    _other_names,
)
from howard_nodes.errors import ColorError

__all__ = ["ColorConfig"]


class ColorConfig:
    """An OpenColorIO configuration: names of colour spaces, file rules, and conversions.

    Safe to share between threads. Make one with `load`.
    """

    def __init__(
        self, config: ocio.Config, name: str, description: str, *, threads: int | None = None
    ) -> None:
        self._config = config
        self._processors: dict[tuple[str, str], ocio.CPUProcessor | None] = {}
        self._lock = Lock()
        self._known_gamuts: dict[str, NDArray[np.float64]] | None = None
        self._threads = max(1, threads if threads is not None else usual_threads())
        self.name: str = name
        """Short name for messages, such as `howard.ocio`."""
        self.description: str = description
        """Where the configuration came from."""
        if config.getColorSpace(ocio.ROLE_SCENE_LINEAR) is None:
            raise ColorError(
                f"{name} has no scene_linear role that names a colour space, so nothing says which space to "
                "work in. Add the role, or use another configuration with --ocio."
            )
        self.scene_linear: str = self.space(ocio.ROLE_SCENE_LINEAR)
        """The working space: the space of the scene_linear role."""

    @classmethod
    def load(cls, path_or_name: str | Path | None = None, *, threads: int | None = None) -> ColorConfig:
        """Read a configuration.

        Parameters
        ----------
        path_or_name : str or Path, optional
            A file (.ocio, .ocioz), ``howard`` for the one that ships, or one of those inside OpenColorIO
            (``ocio://studio-config-latest``, with or without ``ocio://``). By default `$OCIO` if it is set,
            else the one that ships.
        threads : int, optional
            Threads for conversions; by default the cores this process may use, at most 8.

        Raises
        ------
        ColorError
            It does not exist, is not an OpenColorIO configuration, or is of a version too new to read.
        """
        return cls(*read_config(path_or_name), threads=threads)

    @property
    def fingerprint(self) -> str:
        """A hash of the configuration's content: equal where every conversion is equal."""
        return str(self._config.getCacheID())

    # --- names

    def spaces(self) -> tuple[Space, ...]:
        """List the colour spaces that the configuration shows to users, display spaces last."""
        found = self._config.getColorSpaces(ocio.SEARCH_REFERENCE_SPACE_ALL, ocio.COLORSPACE_ACTIVE)
        listed = [
            (space.getReferenceSpaceType() == ocio.REFERENCE_SPACE_DISPLAY, position, space)
            for position, space in enumerate(found)
        ]
        return tuple(
            Space(space.getName(), space.getFamily(), space.getEncoding(), tuple(space.getAliases()))
            for _, _, space in sorted(listed, key=lambda entry: entry[:2])
        )

    def knows(self, name: str) -> bool:
        """Tell whether `name` is a colour space, an alias or a role of the configuration."""
        return self._find(name) is not None

    def space(self, name: str) -> str:
        """Look up the configuration's own name of a colour space.

        Parameters
        ----------
        name : str
            A name, alias or role, in upper or lower case. The common linear and sRGB spaces are also found by
            their interop IDs where the configuration is older than these.

        Raises
        ------
        ColorError
            There is no such space; the message lists names that are near.
        """
        found = self._find(name)
        if found is None:
            raise ColorError(f"{self.name} has no colour space {name!r}. {self._suggest(name)}")
        return str(found.getName())

    def interop_id(self, space: str) -> str | None:
        """Give the ASWF interop ID of a scene-linear space, for tagging files, or None if it has none."""
        found = self._config.getColorSpace(self.space(space))
        names = [found.getName().lower(), *(alias.lower() for alias in found.getAliases())]
        for known in _LINEAR:
            if any(name.lower() in names for name in known):
                return known[0]
        return None

    def is_scene_linear(self, space: str) -> bool:
        """Tell whether values of a space are proportional to scene light, whatever its primaries.

        By the space's encoding; where the configuration does not give one, by its transform.
        """
        found = self._config.getColorSpace(self.space(space))
        if found.isData():
            return False
        if found.getEncoding():
            return bool(found.getEncoding() == "scene-linear")
        if found.getName() == self.scene_linear:
            return True
        try:
            return bool(self._config.isColorSpaceLinear(found.getName(), ocio.REFERENCE_SPACE_SCENE))
        except OCIO_ERRORS:
            return False  # its look-up table is missing; convert() will say so

    def is_log(self, space: str) -> bool:
        """Tell whether a space is a camera's or a film's log, by its encoding."""
        return bool(self._config.getColorSpace(self.space(space)).getEncoding() == "log")

    # --- what space a file is in

    def resolve(
        self,
        path: str | Path,
        tagged: str | None,
        requested: str | None,
        *,
        chromaticities: Sequence[float] | None = None,
        is_float: bool = False,
        like: str | None = None,
    ) -> Resolved:
        """Decide the colour space of a file: what the user asks for, else its own tags, else the file rules.

        A tag that the configuration does not know is passed over, and the reason says so; so is a tag that
        means data, because a plate is colour.

        Parameters
        ----------
        path : str or Path
            The file; only its name is looked at.
        tagged : str or None
            What the file itself says, such as ``lin_ap1_scene``.
        requested : str or None
            What the user asks for; a data space (Raw) means that the values are left alone.
        chromaticities : sequence of 8 float, optional
            The primaries and white (x, y of red, green, blue, white) of an EXR, used where it has no tag: it
            is in the scene-linear space that has the same.
        is_float : bool
            The file holds floating-point numbers: without a tag it is taken for what an EXR would be.
        like : str, optional
            The colour space of what it belongs to: taken where nothing but the file rules would decide.

        Raises
        ------
        ColorError
            The requested space does not exist, or nothing decides.
        """
        file = Path(path).name
        if requested:
            space = self.space(requested)
            left = ", values left alone" if self._is_data(space) else ""
            return Resolved(space, f"{file}: {space}, as asked for{left}")
        silent = "the file has no tag"
        if tagged and not self.knows(tagged):
            silent = f"its tag {tagged} is not a colour space of {self.name}"
        elif tagged:
            space = self.space(tagged)
            if not self._is_data(space):
                named = "" if space == tagged else f" {tagged}"
                return Resolved(space, f"{file}: {space}, from the file's own tag{named}")
            silent = f"its tag {tagged} means data, not colour"
        matched = None if chromaticities is None else self._from_chromaticities(chromaticities)
        if matched is not None:
            return Resolved(matched, f"{file}: {matched}, from the file's own chromaticities")
        if like is not None:
            space = self.space(like)
            return Resolved(space, f"{file}: {space}, like the plate ({silent})")
        if is_float:
            path = Path(path).with_suffix(".exr")
        return self._by_file_rules(str(path), file, silent)

    def _by_file_rules(self, path: str, file: str, silent: str) -> Resolved:
        try:
            named, index = self._config.getColorSpaceFromFilepath(path)
            rule = self._config.getFileRules().getName(index)
        except OCIO_ERRORS as error:
            raise ColorError(
                f"The file rules of {self.name} fail for {file}: {error}. Set --colorspace."
            ) from error
        if not self.knows(named) or self._is_data(self.space(named)):
            raise ColorError(
                f"{file}: which colour space is it in? {silent[0].upper()}{silent[1:]}, and {self.name} "
                "has no file rule for it. Say it with --colorspace, for example --colorspace logc3."
            )
        space = self.space(named)
        return Resolved(
            space,
            f"{file}: {space}, by file rule {rule} of {self.name} ({silent}; --colorspace overrules it)",
            guessed=True,
        )

    def _from_chromaticities(self, chromaticities: Sequence[float]) -> str | None:
        values = np.asarray(chromaticities, np.float64).reshape(-1)
        if values.shape != (8,) or not np.isfinite(values).all():
            return None
        for known, names in _CHROMATICITIES:
            if np.allclose(values, known, rtol=0.0, atol=1e-3):
                return self._first_known(names)
        return matching_gamut(values, self._gamuts())

    def _gamuts(self) -> dict[str, NDArray[np.float64]]:
        if self._known_gamuts is None:
            found = {}
            for name in (space.name for space in self.spaces() if space.encoding == "scene-linear"):
                with suppress(ColorError):
                    primaries = primaries_of(partial(self.to_linear_rec709, src=name))
                    if primaries is not None:
                        found[name] = primaries
            self._known_gamuts = found
        return self._known_gamuts

    # --- conversions

    def convert(self, pixels: NDArray[np.float32], src: str, dst: str) -> NDArray[np.float32]:
        """Convert pixels from one colour space to another.

        Parameters
        ----------
        pixels : ndarray
            H W 3, float32.
        src, dst : str
            Names, aliases or roles.

        Returns
        -------
        ndarray
            H W 3, float32, new; equal to the bit where both names are of one space, else finite and at most
            `howard_nodes.color.conversion.BRIGHTEST` (a warning is logged where that took a hand).

        Raises
        ------
        ColorError
            A name is unknown, or the configuration cannot do it (a look-up table is missing).
        """
        source, target = self.space(src), self.space(dst)
        return convert_pixels(self._processor(source, target), pixels, source, self._threads)

    def to_linear_rec709(self, pixels: NDArray[np.float32], src: str) -> NDArray[np.float32]:
        """Convert pixels to linear Rec.709, where the network's encoding starts.

        Where the configuration has no such space, by its interchange role.

        Parameters
        ----------
        pixels : ndarray
            H W 3, float32.
        src : str
            Name, alias or role.

        Returns
        -------
        ndarray
            H W 3, float32, new, finite, negative for colours outside Rec.709.

        Raises
        ------
        ColorError
            The name is unknown, or the configuration does not say how its spaces relate to others.
        """
        space = self.space(src)
        return convert_pixels(self._rec709_processor(space, to_rec709=True), pixels, space, self._threads)

    def from_linear_rec709(self, pixels: NDArray[np.float32], dst: str) -> NDArray[np.float32]:
        """Convert linear Rec.709 pixels to a space: the inverse of `to_linear_rec709`."""
        return convert_pixels(
            self._rec709_processor(self.space(dst), to_rec709=False), pixels, "Linear Rec.709", self._threads
        )

    def _processor(self, source: str, target: str) -> ocio.CPUProcessor | None:
        """Give the processor between two spaces, None where they are one."""
        with self._lock:
            if (source, target) not in self._processors:
                try:
                    built = None if source == target else self._config.getProcessor(source, target)
                except OCIO_ERRORS as error:
                    raise self._no_conversion(source, target, error) from error
                self._processors[source, target] = _cpu(built)
            return self._processors[source, target]

    def _rec709_processor(self, space: str, *, to_rec709: bool) -> ocio.CPUProcessor | None:
        own = self._first_known(_LINEAR_REC709)
        if own is not None:
            return self._processor(space, own) if to_rec709 else self._processor(own, space)
        key = (space, "") if to_rec709 else ("", space)  # no space has an empty name
        with self._lock:
            if key not in self._processors:
                try:
                    self._processors[key] = _cpu(self._through_interchange(space, to_rec709=to_rec709))
                except OCIO_ERRORS as error:
                    raise ColorError(
                        f"{self.name} has no linear Rec.709 space and does not say how {space!r} relates to "
                        f"spaces of other configurations ({_plain(error)}). Add the role aces_interchange to "
                        "it, or use another configuration with --ocio."
                    ) from error
            return self._processors[key]

    def _through_interchange(self, space: str, *, to_rec709: bool) -> ocio.Processor:
        if self._config.hasRole(ocio.ROLE_INTERCHANGE_SCENE):
            shipped = read_shipped_config()
            if to_rec709:
                return ocio.Config.GetProcessorFromConfigs(self._config, space, shipped, _LINEAR_REC709[0])
            return ocio.Config.GetProcessorFromConfigs(shipped, _LINEAR_REC709[0], self._config, space)
        # Without the role OpenColorIO compares the spaces with those it knows.
        if to_rec709:
            return ocio.Config.GetProcessorToBuiltinColorSpace(self._config, space, "lin_rec709_srgb")
        return ocio.Config.GetProcessorFromBuiltinColorSpace("lin_rec709_srgb", self._config, space)

    # --- small

    def _find(self, name: str) -> ocio.ColorSpace | None:
        for spelling in (name, *_other_names(name)):
            found = self._config.getColorSpace(spelling)
            if found is not None:
                return found
        return None

    def _is_data(self, space: str) -> bool:
        return bool(self._config.getColorSpace(space).isData())

    def _first_known(self, names: Iterable[str]) -> str | None:
        return next((self.space(name) for name in names if self.knows(name)), None)

    def _no_conversion(self, source: str, target: str, error: Exception) -> ColorError:
        return ColorError(f"{self.name} cannot convert {source!r} to {target!r}: {_plain(error)}")

    def _suggest(self, name: str) -> str:
        """Name the spaces whose names, aliases or roles look like `name`."""
        owner: dict[str, str] = {}  # in the order of the configuration
        for space in self.spaces():
            for spelling in (space.name, *space.aliases):
                owner.setdefault(_letters(spelling), space.name)
        for role, space_name in self._config.getRoles():
            owner.setdefault(_letters(role), space_name)
        wanted = _letters(name)
        scored = sorted(
            ((_likeness(wanted, spelling), space_name) for spelling, space_name in owner.items()),
            key=lambda entry: -entry[0],
        )
        near = list(dict.fromkeys(space_name for score, space_name in scored if score >= 0.6))[:4]
        if near:
            return f"Did you mean {' or '.join(repr(space) for space in near)}?"
        return f"It has: {', '.join(space.name for space in self.spaces())}."


def _cpu(processor: ocio.Processor | None) -> ocio.CPUProcessor | None:
    return None if processor is None or processor.isNoOp() else processor.getDefaultCPUProcessor()


def _plain(error: Exception) -> str:
    """Put OpenColorIO's message on one line."""
    return " ".join(str(error).split()).rstrip(".")
