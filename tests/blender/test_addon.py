"""The add-on in real Blenders, through the real worker: what a socket gives is what the file holds."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import PyOpenColorIO as ocio  # noqa: N813
import pytest
from blender.conftest import PROGRAM
from blender.installs import build_tool
from shots import disc_over_gradient, gradient

from howard_nodes import __version__
from howard_nodes.frames import read_frame, write_image

SCRIPTS = Path(__file__).with_name("scripts")
HOWARD = Path(sys.executable).with_name("howard")
LAYERS = {
    "Image": None,
    "Foreground": "foreground",
    "Alpha": "alpha",
    "Coarse Matte": "coarse",
    "Error Map": "error",
    "Doubt": "doubt",
    "Refine Region": "region",
    "Fitted Clean Plate": "clean",
}

REC709_TO_ACESCG = np.array(
    [
        [0.613097402, 0.339523146, 0.047379451],
        [0.070193725, 0.916353879, 0.013452396],
        [0.020615593, 0.109569773, 0.869814634],
    ]
)


@pytest.fixture(scope="module")
def addon_zip(bpy_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip, made and checked by Blender's own tool."""
    folder = tmp_path_factory.mktemp("addon")
    made = build_tool().build(str(bpy_python), folder, repository=True)
    listed = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    assert [one["id"] for one in listed["data"]] == ["howard_matte"]
    return Path(made)


@pytest.fixture
def tiny_shot(tmp_path: Path) -> Path:
    """Three frames of a plate, a clean plate, one that is too small, and one of another place."""
    folder = tmp_path / "shot"
    folder.mkdir()
    exact = {"depth": "float", "colorspace": "lin_rec709_scene"}
    for step in range(3):
        write_image(folder / f"plate.{1001 + step}.exr", disc_over_gradient(step)[0], "RGB", **exact)
    write_image(folder / "clean.exr", gradient(), "RGB", **exact)
    write_image(folder / "small.exr", gradient()[:40], "RGB", **exact)
    noise = np.random.default_rng(1).random(gradient().shape, np.float32)
    write_image(folder / "another_place.exr", noise, "RGB", **exact)
    return folder


@pytest.fixture
def footage(tiny_shot: Path) -> Path:
    """The shot in other shapes: sRGB stills and a movie, a clean plate that is a sequence, ACEScg."""
    plates = [disc_over_gradient(step)[0].clip(0, 1) for step in range(3)]
    exact = {"depth": "float", "colorspace": "lin_rec709_scene"}
    for step in range(3):
        write_image(tiny_shot / f"clean.{1 + step:04d}.exr", gradient(), "RGB", **exact)
        # ACEScg, said by nobody: Blender is told.
        light = disc_over_gradient(step)[0] @ REC709_TO_ACESCG.T
        write_image(tiny_shot / f"acescg.{1001 + step}.exr", light.astype(np.float32), "RGB", depth="float")
    for name, light in (("plate", plates[0]), ("clean", gradient())):
        write_image(tiny_shot / f"{name}.png", srgb(light).astype(np.float32), "RGB", depth="uint16")
    with av.open(str(tiny_shot / "plate.mov"), "w") as output:
        stream = output.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = 104, 72, "rgb24"
        for light in plates:
            picture = av.VideoFrame.from_ndarray((srgb(light) * 255).round().astype(np.uint8), "rgb24")
            output.mux(stream.encode(picture))
        output.mux(stream.encode())
    return tiny_shot


@pytest.fixture
def act(run_bpy: Callable[..., str], addon_zip: Path, tiny_shot: Path, tmp_path: Path) -> Callable[..., Any]:
    """Have an artist go through a script; gives what the script says, by name."""

    def call(script: str, *arguments: str, **environment: str) -> dict[str, Any]:
        environment = {"OMP_NUM_THREADS": "1", **environment}
        known = (addon_zip, HOWARD, tiny_shot, tmp_path / "project")
        printed = run_bpy(SCRIPTS / script, *known, *arguments, timeout=300, **environment)
        lines = [line for line in printed.splitlines() if line.startswith("@")]
        return dict(json.loads(line[1:]) for line in lines)

    return call


def srgb(light: np.ndarray) -> np.ndarray:
    """The sRGB curve."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)


def pixels(path: Path, layer: str | None = None) -> np.ndarray:
    found: np.ndarray = read_frame(path, layer=layer).pixels
    return found


def assert_shows(rendered: Path, file: Path, layer: str | None) -> None:
    """What was rendered from a socket is the layer, to the last bit."""
    expected = pixels(file, layer)
    assert expected.std() > 0
    if expected.shape[2] == 1:
        expected = np.repeat(expected, 3, axis=2)
    np.testing.assert_array_equal(pixels(rendered)[..., : expected.shape[2]], expected)


def test_from_the_zip_to_every_socket(
    act: Callable[..., Any], run_bpy: Callable[..., str], blender_version: str, tmp_path: Path
) -> None:
    said = act("main_path.py")
    project = tmp_path / "project"
    result = project / "howard/Howard_Matte"
    assert said["tested"].startswith("Howard ")
    assert "cpu" in said["tested"] or "cuda" in said["tested"] or "mps" in said["tested"]
    assert said["scene as the plate"] == [104, 72, 1, 3]
    inputs, outputs = said["sockets"]
    assert inputs[:2] == ["Plate", "Clean Plate"]
    assert inputs[2:] == ["Coarse Matte Override", "Error Map Override", "Inside", "Outside"]
    assert outputs == list(LAYERS)[:5]
    assert said["after one"] == ["Howard_Matte.1002.exr"]
    assert said["status"] == "Done: frames 1001-1003"
    assert said["greyed out"] == []
    assert said["file"].startswith("//howard/Howard_Matte/Howard_Matte.")
    assert said["reloaded"] == ["draft", "Done: frame 1002"]
    assert sorted(path.name for path in result.iterdir()) == [
        *(f"Howard_Matte.{n}.exr" for n in (1001, 1002, 1003)),
        "before",
    ]
    # Until something is pulled, Image is the plate.
    np.testing.assert_array_equal(pixels(project / "before.exr")[..., :3], disc_over_gradient(1)[0])
    for label, layer in LAYERS.items():
        for frame in (1, 3):
            file = project / f"standard/Howard_Matte.{1000 + frame}.exr"
            assert_shows(project / f"{label}.{frame}.exr", file, layer)
    assert (
        pixels(project / "draft.exr")[..., 0]
        != pixels(project / "standard/Howard_Matte.1002.exr", "alpha")[..., 0]
    ).any()
    assert_shows(project / "saved.exr", project / "standard/Howard_Matte.1001.exr", None)
    # Without the add-on: in the file that was open, and on another machine, where all lies elsewhere.
    assert_shows(project / "without.exr", result / "Howard_Matte.1002.exr", None)
    moved = project.rename(tmp_path / "elsewhere")
    run_bpy(SCRIPTS / "farm.py", moved / "shot.blend")
    assert_farm_shows_result(moved)
    # The program itself, where there is one: its absence is said in the summary.
    if PROGRAM is not None and program_version() >= tuple(map(int, blender_version.split("."))):
        shutil.rmtree(moved / "farm")
        command = [PROGRAM, "--factory-startup", "-b", str(moved / "shot.blend"), "-a"]
        subprocess.run(command, check=True, timeout=300, stdin=subprocess.DEVNULL)
        assert_farm_shows_result(moved)


def program_version() -> tuple[int, ...]:
    """Major and minor version of the program."""
    assert PROGRAM is not None
    printed = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, printed.split()[1].split(".")[:2]))


def assert_farm_shows_result(project: Path) -> None:
    """Every frame of the animation is the matte, to the last bit."""
    for frame in (1, 2, 3):
        file = project / f"howard/Howard_Matte/Howard_Matte.{1000 + frame}.exr"
        assert_shows(project / f"farm/comp.{frame:04d}.exr", file, None)


def test_the_shot_at_a_glance(act: Callable[..., Any]) -> None:
    said = act("verdicts.py")
    assert said["not saved"] == []
    assert said["nothing yet"] == {}
    assert said["as is"] == {"1": "", "2": "", "3": "", "4": "not made", "5": "not made"}
    assert said["another place"] == {"1": "", "2": "failed", "3": "", "4": "not made", "5": "not made"}
    assert said["why"]
    assert said["went"] == [4, 5, 2, 5, 4]
    assert said["cells"] == [[1, 2, 3], [4, 5]]
    assert said["ours"] == {}
    assert said["others"] == {"9" * len(__version__): [3]}
    assert said["drawn at first"]["Howard Verdicts"] == []
    assert "This Frame" in said["drawn at first"]["Howard Matte"]
    drawn = said["drawn"]
    assert "3 of 5 frames to look at" in drawn["Howard Verdicts"]
    assert any(text.startswith("Frame 2: failed; too little texture") for text in drawn["Howard Verdicts"])
    assert any(text.startswith("Frame 3 was made by Howard 99999") for text in drawn["Howard Verdicts"])
    assert {"Paint Error Map", "Frame 2"} <= set(drawn["Howard Overrides"])
    assert "Camera Moves" in drawn["Howard Clean Plate"]
    assert "Quality" in drawn["Howard Settings"]
    assert said["gone"] == {"1": "", "2": "failed", "4": "not made", "5": "not made"}
    assert said["mended"] == {str(frame): "" for frame in range(1, 6)}
    assert said["none to look at"] is True


@pytest.fixture
def takes_of_a_walker(tiny_shot: Path) -> Path:
    """Two takes before a place with texture, one who crosses it and one who stays; and noise."""
    rng = np.random.default_rng(3)
    place = np.kron(rng.uniform(0.1, 0.6, (12, 20, 3)), np.ones((10, 10, 1))).astype(np.float32)
    walker = np.kron(rng.uniform(0.0, 1.0, (6, 3, 3)), np.ones((10, 10, 1))).astype(np.float32)
    exact = {"depth": "float", "colorspace": "lin_rec709_scene"}
    for step in range(12):
        for name, left in (("walk", 14 * step), ("stays", 80 + step % 3)):
            plate = place.copy()
            plate[60:, left : left + 30] = walker[:, : 200 - left]
            noisy = plate + rng.normal(0, 0.002, plate.shape)
            write_image(tiny_shot / f"{name}.{1001 + step}.exr", noisy.astype(np.float32), "RGB", **exact)
    write_image(tiny_shot / "noise.exr", rng.random(place.shape, np.float32), "RGB", **exact)
    write_image(tiny_shot / "place.exr", place, "RGB", **exact)
    return tiny_shot


def test_clean_plates_are_built_and_fitted(
    act: Callable[..., Any], takes_of_a_walker: Path, tmp_path: Path
) -> None:
    said = act("clean_plates.py")
    frames = [str(frame) for frame in range(11, 23)]
    assert "plug in an Image or a Movie Clip node" in said["nothing plugged in"]
    for camera, source in (("STILL", "FILE"), ("MOVING", "SEQUENCE")):
        assert said[f"built {camera}"].startswith("Built")
        assert said[f"plugged in {camera}"][1] == source
        assert said[f"plugged in {camera}"][0].startswith("//howard/Howard_Matte/clean/clean.")
        assert said[f"there {camera}"]
    assert said["fitted"] == dict.fromkeys(frames, "good")
    assert said["status"].startswith("Clean plate fit: 12 good")
    place = pixels(takes_of_a_walker / "place.exr")
    for frame in (1001, 1012):
        assert np.abs(pixels(tmp_path / f"project/shown.{frame}.exr")[..., :3] - place).mean() < 0.01
    assert said["pulled"] == dict.fromkeys(frames, "good") | {"12": ""}
    assert "12 failed" in said["no fit"]
    assert said["seen"] == dict.fromkeys(frames, "failed")
    assert "never moves away" in said["stays"]
    assert said["still plugged in"]
    assert "single image" in said["one image"]
    assert "/bin/false" in said["no howard"]


def test_messages(act: Callable[..., Any], tmp_path: Path) -> None:
    said = act("messages.py")
    shot, result = tmp_path / "shot", tmp_path / "project/Howard_Matte"
    expected = {
        "no node": ["no Howard Matte", "add one"],
        "no plate": ["plugged into Plate", "choose a file in the sidebar"],
        "not saved": ["Save the blend file first"],
        "no folder": ["cannot write there", "choose another folder"],
        "half a path": ["somewhere", "choose another one"],
        "too early": ["starts at frame 1"],
        "missing frames": [
            "Done: frames 1001-1003\nFailed: frames 1004-1005\n",
            f"{shot}/plate.1004.exr, frame 1004: no such file",
            "pull them again",
        ],
        "status": ["Done: frames 1001-1003", "Failed: frames 1004-1005", "frame 1005: no such file"],
        "shown": [f"{result}/Howard_Matte."],
        "no image": ["Clean Plate", "no image"],
        "no file": ["Clean Plate", "Painted", "save it"],
        "another size": ["104x40", "104x72", "same size"],
        "another place": [
            "Done: frame 1001",
            "clean plate could not be fitted to frame 1001: it is used as it is there",
        ],
        "a chain": ["Blur", "Movie Clip"],
        "no such file": ["none.exr", "choose one"],
        "worker missing": ["/no/howard", "preferences"],
        "worker mute": ["/bin/true did not start", "preferences"],
        "worker other": ["/bin/echo", "preferences"],
        "worker newer": ["speaks protocol 1", "speaks protocol 2", "same version"],
        "read-only folder": ["/proc/self", "choose another folder"],
        "read-only painting": ["/proc/self", "choose another folder"],
        "read-only matte": ["/proc/self", "choose another folder"],
        "environment": ["HOWARD", "/no/howard", "preferences"],
        "not found": ["not found", "preferences"],
    }
    for name, parts in expected.items():
        for part in parts:
            assert part in said[name], name
    assert said["lines"] == ["a frame", "has", "/a/very/lo", "ng/path in", "it"]
    message, kept = said["test"]
    assert kept in message
    assert "is not a Howard worker" in kept
    # Nothing but what was pulled, no half files.
    assert sorted(path.name for path in result.iterdir()) == [
        *(f"Howard_Matte.{n}.exr" for n in (1001, 1002, 1003)),
        "before",
    ]


def assert_comp_is_plate(folder: Path) -> None:
    """The matte over the clean plate is the plate, all three as Blender shows them, and it is a matte.

    Within 0.02, but for one value in a thousand on the edge of the disc: thin coverage leans on a prior, by
    at most 0.023 of how far that is off (`solve_foreground`). The disc's light is 4; where its alpha is a
    little too small, the plate asks for a foreground of more light than that.
    """
    for frame in (11, 12):
        image = pixels(folder / f"image.{frame}.exr")
        plate, clean = (pixels(folder / f"{name}.{frame}.exr")[..., :3] for name in ("Plate", "Clean Plate"))
        assert image[..., 3].std() > 0.2
        assert plate.std() > 0.1
        comp = image[..., :3] + (1 - image[..., 3:]) * clean
        np.testing.assert_allclose(comp, plate, atol=0.023 * 6)
        assert (np.abs(comp - plate) > 0.02).mean() < 0.001


def test_footage_of_all_kinds(act: Callable[..., Any], footage: Path, tmp_path: Path) -> None:
    said = act("footage.py", "sequences", "held", "clips", "movies", "movie_clips", "stills", "textures")
    for case in said:
        assert_comp_is_plate(tmp_path / "project" / case)
    assert said["sequences"].startswith("Done: frames 1002-1003")
    assert said["stills"].startswith("Done: the image")
    result = tmp_path / "project/sequences/howard/Howard_Matte"
    assert sorted(path.name for path in result.iterdir()) == [
        "Howard_Matte.1002.exr",
        "Howard_Matte.1003.exr",
    ]
    assert [path.name for path in (tmp_path / "project/stills/howard/Howard_Matte").iterdir()] == [
        "Howard_Matte.exr"
    ]


def test_a_scene_with_an_aces_configuration(act: Callable[..., Any], footage: Path, tmp_path: Path) -> None:
    config = tmp_path / "aces.ocio"
    aces = ocio.Config.CreateFromBuiltinConfig("cg-config-v1.0.0_aces-v1.3_ocio-v2.1")
    config.write_text(aces.serialize(), encoding="utf-8")
    cases = ("sequences", "stills", "textures")
    assert set(act("footage.py", *cases, OCIO=str(config))) == set(cases)
    for case in cases:
        assert_comp_is_plate(tmp_path / "project" / case)
    result = tmp_path / "project/textures/howard/Howard_Matte/Howard_Matte.1002.exr"
    assert read_frame(result).colorspace == "lin_ap1_scene"


def test_mattes_and_overrides(act: Callable[..., Any], tmp_path: Path) -> None:
    said = act("overrides.py")
    project = tmp_path / "project"
    alpha = {name: pixels(project / f"{name}.exr")[..., 0] for name in said["rendered"]}
    left, right = np.s_[:, :50], np.s_[:, 54:]
    assert alpha["none"][right].max() > 0.5
    assert (alpha["outside"][right] == 0).all()
    np.testing.assert_array_equal(alpha["outside"][left], alpha["none"][left])
    assert (alpha["inside"][left] == 1).all()
    assert (alpha["inside"][right] == 0).all()
    # The error map says that nothing is to be refined, and the coarse matte is what was painted.
    assert (alpha["overrides"][left] == 1).all()
    assert (alpha["overrides"][right] == 0).all()
    # Half of what is painted counts where alpha is there only.
    assert (alpha["partial"][left] == 1).all()
    np.testing.assert_allclose(
        alpha["partial"][right], pixels(project / "coarse.exr")[..., 0][right], atol=0.03
    )
    # What is given to paint on is what Howard saw: it changes nothing until it is painted on.
    folder = "//howard/Howard_Matte/painted"
    assert said["to paint"] == {
        "Error Map, frame 2": [f"{folder}/error_map.0002.exr", True, True, "FRAME"],
        "Coarse Matte, frame 2": [f"{folder}/coarse_matte.0002.exr", True, True, "FRAME"],
    }
    for name in ("again", "unpainted", "removed"):
        np.testing.assert_array_equal(alpha[name], alpha["none"])
    assert (alpha["painted over"] == 1).all()
    for name in ("first frame beside", "first frame in a range"):
        np.testing.assert_array_equal(alpha[name], alpha["first frame"])
    assert (alpha["first frame painted"] == 1).all()
    # Nothing painted is lost, nor painted over; beside each file lies what it began as.
    assert said["removed"] == 0
    began = [f"{name}.start.exr" for name in ("coarse_matte.0002", "coarse_matte.0002_2", "error_map.0002")]
    assert said["files"] == sorted([*began, *(name.replace(".start", "") for name in began)])
    assert (pixels(project / "howard/Howard_Matte/painted/coarse_matte.0002.exr") == 1).all()
    assert (pixels(project / "howard/Howard_Matte/painted/error_map.0002.exr")[..., 0] == 0).all()
    # On another frame strokes change what they were painted over, and the rest stays that frame's own.
    assert (alpha["protected first frame"][left] == 1).all()
    np.testing.assert_allclose(
        alpha["protected first frame"][right],
        pixels(project / "coarse first frame.exr")[..., 0][right],
        atol=0.03,
    )
    assert (alpha["over what is plugged in"] == 1).all()
    assert "coarse_matte.0002_2.exr is missing: restore it, or remove it" in said["missing"]
    assert said["scene"] == [104, 72, 1, 2]
    assert said["scenes"] == 1


def test_previews(act: Callable[..., Any], tmp_path: Path) -> None:
    said = act("previews.py")
    project = tmp_path / "project"
    assert "pull the matte" in said["too early"]
    viewer = "Howard Preview"
    # Pressed twice or swapped, nothing is left over; the artist's own viewer keeps what it had.
    assert said["nodes"] == {
        "ALPHA": [viewer],
        "COARSE_MATTE": [viewer],
        "ERROR_MAP": [viewer],
        "ERROR_HEAT": [viewer, f"{viewer} Heat"],
        "CHECKERBOARD": [viewer, f"{viewer} Checkerboard"],
        "BACKGROUND": [viewer, f"{viewer} Over"],
        "sky": [viewer, f"{viewer} Background", f"{viewer} Over"],
        "again": [viewer],
        "WIPE": [viewer, f"{viewer} Before", f"{viewer} Wipe"],
        "CHANGE": [viewer, f"{viewer} Before", f"{viewer} Change"],
        "after all": [viewer],
    }
    assert "pull this frame again" in said["nothing before"]
    assert said["kept"]
    first, now = (pixels(project / f"{name}.exr", "alpha") for name in ("first", "second"))
    wipe, change = (pixels(project / f"{what}.exr")[..., 0] for what in ("WIPE", "CHANGE"))
    np.testing.assert_array_equal(wipe[:, :25], first[:, :25, 0])
    np.testing.assert_array_equal(wipe[:, 27:], now[:, 27:, 0])
    np.testing.assert_allclose(change, np.abs(first - now)[..., 0], atol=1e-6)
    assert change.max() > 0
    assert said["artist's viewer"] == "Foreground"
    # Numbers do not go through the view transform; pictures do.
    numbers = ("ALPHA", "COARSE_MATTE", "ERROR_MAP")
    shown_as_render = {what: how for what, how in said["as render"].items() if how is not None}
    assert shown_as_render == {what: what not in numbers for what in shown_as_render}
    assert said["groups"] == ["Howard Checkerboard 104 x 72", "Howard Error Heat", "Howard Matte"]

    shown = {path.stem: pixels(path) for path in project.glob("*.exr")}
    file = project / "howard/Howard_Matte/Howard_Matte.1002.exr"
    for what, layer in (("ALPHA", "alpha"), ("COARSE_MATTE", "coarse"), ("ERROR_MAP", "error")):
        assert_shows(project / f"{what}.exr", file, layer)
    plate, clean = disc_over_gradient(1)[0], gradient()
    image, error = pixels(file), pixels(file, "error")
    alpha = image[..., 3:]

    # Heat: none where the error is 0, to the last bit; yellow, as strong as the opacity, where it is 1.
    yellow = np.float32([1, 0.8, 0])
    np.testing.assert_array_equal(shown["heat.0"][..., :3], plate)
    np.testing.assert_allclose(shown["heat.1"][..., :3], 0.75 * plate + 0.25 * yellow, atol=1e-6)
    changed = np.abs(shown["ERROR_HEAT"][..., :3] - plate).max(axis=2)
    assert (changed[error[..., 0] < 0.02] == 0).all()
    # Between, it is mixed in as the error says, to red at 0.3: four fifths of the plate are hidden there.
    assert error.max() > 0.1
    hidden, green = (np.interp(error, (0.02, 0.3, 1.0), ends) for ends in ((0, 0.8, 0.8), (0.02, 0.08, 0.8)))
    heat = np.concatenate([np.ones_like(green), green, np.zeros_like(green)], 2)
    np.testing.assert_allclose(shown["ERROR_HEAT"][..., :3], (1 - hidden) * plate + hidden * heat, atol=0.004)

    rows, columns = np.mgrid[:72, :104] // 8
    board = np.where((rows + columns) % 2, np.float32(82 / 255), np.float32(34 / 255))[..., None]
    backgrounds = {
        "CHECKERBOARD": board,
        "board": board,
        "without": board,
        "BACKGROUND": clean,
        "sky": np.float32([0.25, 0.5, 1.5]),
    }
    for what, background in backgrounds.items():
        expected = image[..., :3] + (1 - alpha) * background
        np.testing.assert_allclose(shown[what][..., :3], expected, atol=1e-6, err_msg=what)
        np.testing.assert_allclose(shown[what][..., 3], 1, atol=1e-6, err_msg=what)
    nothing, full = (alpha == 0)[..., 0], (alpha == 1)[..., 0]
    assert nothing.any()
    np.testing.assert_array_equal(
        shown["CHECKERBOARD"][nothing][:, :3], np.broadcast_to(board, plate.shape)[nothing]
    )
    np.testing.assert_array_equal(shown["CHECKERBOARD"][full], image[full])


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
def test_runs_that_do_not_go_to_their_end(act: Callable[..., Any], tmp_path: Path) -> None:
    said = act("ends.py")
    project = tmp_path / "project"
    assert said["cancelled"] == [["CANCELLED"], "Cancelled; no frame was finished"]
    done, status, files = said["cancelled half-way"]
    assert done == ["CANCELLED"]
    last = 1100 + files
    assert status == f"Cancelled; finished before: frames 1101-{last}"
    assert 1101 < last < 1140
    assert "The Howard worker has ended (signal 9)" in said["killed"]
    assert "Start it again" in said["killed"]
    assert said["gone with the add-on"]
    assert said["died"] == -9
    assert said["gone with Blender"]
    names = sorted(path.name for path in (project / "howard/Howard_Matte").iterdir())
    assert names == [f"Howard_Matte.{number}.exr" for number in (1001, 1002, 1003)]
    assert [
        path for path in (project / "other").rglob("*") if path.is_file() and path.suffix != ".blend"
    ] == []
