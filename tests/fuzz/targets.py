"""What a user would do with a file, by its kind: look at it, verify it, read it, use what it says.

Each target is given a file in a folder of its own and a folder to write into. It raises what Howard raises.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from howard_nodes.errors import HowardError

if TYPE_CHECKING:
    from howard_nodes.color import ColorConfig

__all__ = ["TARGETS"]


def _picture(path: Path, out: Path) -> None:
    from howard_nodes.frames import (
        fit_window,
        has_layer,
        inspect_file,
        open_footage,
        read_attributes,
        read_frame,
        sanitize,
        verify_file,
        write_image,
    )

    frame, refusal = None, None
    try:
        frame = read_frame(path)
    except HowardError as error:
        refusal = error
    for look in (verify_file, inspect_file, read_attributes, lambda path: has_layer(path, "A"), _info):
        with suppress(HowardError):
            look(path)
    with suppress(HowardError):
        footage = open_footage(path)
        number = footage.frames[0]
        for name in footage.layers(number)[:3]:
            with suppress(HowardError):
                footage.read(number, layer=name or None)
        footage.display_size(number)
        footage.digest(number)
        footage.check(number)
    if frame is None:
        assert refusal is not None
        raise refusal
    with suppress(HowardError):
        sanitize(frame.rgb)
    if max(frame.display_window.width, frame.display_window.height) <= 4096:
        fit_window(frame.pixels, frame.data_window, frame.display_window)
    # What is carried to a result can be written, and read back.
    for suffix in (".exr", ".png"):
        made = out / f"made{suffix}"
        write_image(made, np.zeros((2, 2, 1), np.float32), "Y", metadata=frame.metadata)
        inspect_file(made)
        made.unlink()


def _info(path: Path) -> None:
    """Do what `howard info` does, with a configuration that is read once."""
    from howard_nodes.cli.console import print_json, print_pairs
    from howard_nodes.cli.info import _describe, _describe_movie, _lines, _movie_lines
    from howard_nodes.frames import Movie, inspect_file, open_footage

    footage = open_footage(path)
    with redirect_stdout(io.TextIOWrapper(io.BytesIO(), "utf-8")):
        if isinstance(footage, Movie):
            found = _describe_movie(footage, _shipped(), None)
            print_pairs(_movie_lines(found))
        else:
            found = _describe(inspect_file(path), _shipped(), None)
            print_pairs(_lines(found))
        print_json(found)


@cache
def _shipped() -> ColorConfig:
    from howard_nodes.color import ColorConfig

    return ColorConfig.load("howard")


def _movie(path: Path, out: Path) -> None:
    from howard_nodes.frames import open_footage

    footage = open_footage(path)
    read = 0
    failure: HowardError | None = None
    for number in dict.fromkeys((footage.frames[0], footage.frames[-1], footage.frames[0])):
        try:
            footage.read(number)
            read += 1
        except HowardError as error:
            failure = error
        with suppress(HowardError):
            footage.digest(number)
    for look in (footage.layers, footage.display_size, footage.check):
        look(footage.frames[0])
    footage.notes()
    close = getattr(footage, "close", None)
    if close is not None:
        close()
    _info(path)
    if failure is not None and not read:
        raise failure


def _fit(path: Path, out: Path) -> None:
    from howard_nodes.plates.fit import ShotFit

    fit = ShotFit.load(path)
    _ = fit.summary, [fit.numbers(verdict) for verdict in ("good", "doubtful", "failed")]
    for one in fit.frames.values():
        _ = one.fingerprint, one.changes_nothing, [source.matrix for source in one.sources]
    fit.save(out / "saved.json")
    ShotFit.load(out / "saved.json")
    (out / "saved.json").unlink()
    fit.covering((1001, 1002), (64, 48), "ACEScg", str(path))


def _report(path: Path, out: Path) -> None:
    """Read each document as what it is, and as what it is not."""
    from howard_nodes.evaluation.cases import read_case
    from howard_nodes.farm.bundle import Bundle
    from howard_nodes.farm.claim import check_claim, check_free
    from howard_nodes.farm.submission import Submission
    from howard_nodes.plates.fit import ShotFit

    for name in ("plate", "clean", "truth"):
        (path.parent / f"{name}.0001.exr").touch()
    bundle = Bundle(path.parent, "shot", (), "out/s.####.exr", (1,), {})
    output = str(path.parent / "shot.####.exr")
    (path.parent / "shot.0001.exr").touch()
    (path.parent / "shot.job.json").write_bytes(path.read_bytes())
    for use in (
        lambda: ShotFit.load(path),
        lambda: read_case(path.parent),
        lambda: check_claim(output, "a1"),
        lambda: check_free(output, ("",), "a1"),
        lambda: Submission.load(path.parent, bundle),
    ):
        with suppress(HowardError):
            use()
    if path.name == "case.json":
        read_case(path.parent)
    elif path.name == "submission.json":
        Submission.load(path.parent, bundle).save()
    elif path.name == "claim.json":
        check_claim(output, "a1")


def _ocio(path: Path, out: Path) -> None:
    from fuzz.seeds import config_with

    from howard_nodes.color import ColorConfig

    name = path
    if not path.suffix.startswith(".ocio"):
        (path.parent / "lut").mkdir()
        path.rename(path.parent / "lut" / path.name)
        name = path.parent / "config.ocio"
        name.write_bytes(config_with(path.name))
    elif b"a.cube" in path.read_bytes():
        (path.parent / "lut").mkdir()
        (path.parent / "lut" / "a.cube").write_text("LUT_1D_SIZE 2\n0 0 0\n1 1 1\n")
    config = ColorConfig.load(name)
    _ = config.fingerprint, config.description, config.scene_linear
    pixels = np.array([[[0.0, 0.18, 1.0], [-0.5, np.nan, 70_000.0]]], np.float32)
    for picture, tag in (("shot.exr", None), ("shot_log.0001.dpx", None), ("x.png", "log"), ("x", "none")):
        with suppress(HowardError):
            config.resolve(
                picture, tag, None, chromaticities=(0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329)
            )
    for space in config.spaces()[:12]:
        for use in (
            lambda space: config.convert(pixels, space, config.scene_linear),
            lambda space: config.to_linear_rec709(pixels, space),
            lambda space: config.from_linear_rec709(pixels, space),
            config.is_scene_linear,
            config.interop_id,
        ):
            with suppress(HowardError):
                use(space.name)


def _message(path: Path, out: Path) -> None:
    from howard_nodes.worker.protocol import (
        LineBuffer,
        RequestError,
        decode,
        encode,
        error_reply,
        id_of,
        request_of,
    )
    from howard_nodes.worker.requests import FileRequest, Session, evaluation, members

    refusal: HowardError | None = None
    for line in LineBuffer(1 << 20).feed(path.read_bytes() + b"\n"):
        value: Any = None
        try:
            value = decode(line or b"")
            request = request_of(value)
            session = Session()
            if request.method in ("hello", "cancel", "status"):
                members(request.params, "protocol", "client", "request")
                continue
            if request.method == "configure":
                members(request.params, "knobs", "options", "warm")
                session = session.configured(request.params)
                encode(session.knobs | session.options)
                continue
            asked = evaluation(request.params, session)
            encode(asked.params())
            if isinstance(asked, FileRequest):
                asked.job()
        except RequestError as error:
            encode(error_reply(id_of(value), error))
            refusal = error
    if refusal is not None:
        raise refusal


def _weights(path: Path, out: Path) -> None:
    from howard_nodes.network import describe_weights, import_checkpoint, load_weights

    if path.suffix == ".pth":
        import_checkpoint(path, out / "imported.safetensors")
        return
    with suppress(HowardError):
        import_checkpoint(path, out / "imported.safetensors")
    about = describe_weights(path)
    json.dumps(dict(about.metadata)).encode()
    load_weights(path)


@cache
def _silence() -> None:
    """Keep libraries from telling about every file on stderr."""
    import logging

    import PyOpenColorIO as ocio  # noqa: N813

    ocio.SetLoggingLevel(ocio.LOGGING_LEVEL_NONE)
    logging.disable(logging.CRITICAL)


def _quiet(target: Callable[[Path, Path], None]) -> Callable[[Path, Path], None]:
    def run(path: Path, out: Path) -> None:
        _silence()
        target(path, out)

    return run


TARGETS: dict[str, Callable[[Path, Path], None]] = {
    **dict.fromkeys(("exr", "dpx", "png", "tiff", "jpeg", "webp", "heic"), _quiet(_picture)),
    **dict.fromkeys(("mov", "mp4", "video"), _quiet(_movie)),
    "fit": _quiet(_fit),
    "report": _quiet(_report),
    "ocio": _quiet(_ocio),
    "message": _quiet(_message),
    "weights": _quiet(_weights),
}
"""What is done with a file of each kind. The arguments are the file and a folder for results."""
