"""Every command that a page shows, typed as it stands in a folder that has what it names."""

from __future__ import annotations

import functools
import itertools
import logging
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from howard_nodes.cli import main
from howard_nodes.frames import parse_frames, write_image

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "scenes/README.md")),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("howard_nodes/hosts/*/README.md"),
    ]
)

NOT_RUN = {
    # Training and measuring.
    "howard adapt plate.####.exr --clean clean.exr -o shot.safetensors": "80 training steps: minutes",
    "howard train ": "days of training, on pictures that Blender renders",
    "howard cases -o ": "needs foregrounds and backgrounds that Blender renders",
    "howard evaluate held-out ": "needs a test set",
    "python benchmarks/": "measures for minutes",
    "python tools/bill.py": "tests/test_shipped.py holds what it writes",
    "python tests/fuzz/": "100,000 inputs take 20 minutes; tests/fuzz/test_fuzz.py runs 3,000",
    "python scenes/": "renders for hours, or downloads",
    "python tools/clean_plate_sheet.py ": "minutes; makes the picture of the page",
    # Other programs.
    "howard farm submit job/ --scheduler slurm": "needs a Slurm: tests/farm/test_slurm.py",
    "howard farm submit job/ --scheduler slurm --partition night --retries 2": "needs a Slurm",
    "howard farm submit job/ --scheduler slurm --partition night": "needs a Slurm",
    "howard weights import pytorch_resnet50.pth --name resnet50": "needs the paper's checkpoint",
    "openjd run job/template.yaml -p file://job/paths.yaml": "tests/farm/test_bundle.py types it",
    "deadline config set telemetry.opt_out true": "changes a user's settings of another program",
    "blender -b ": "needs Blender with the add-on",
    "pip install ": "downloads",
    "pip download ": "downloads",
    "pip config set global.cert FILE": "changes a user's settings of another program",
    "pipx install ": "downloads",
    "pipx uninstall howard-matting": "needs pipx, and Howard installed with it",
    "uv tool ": "downloads",
    "python -m venv howard": "Python's own; what comes after it downloads",
    "python -m howard_nodes.doctor": "tests/doctor/test_doctor.py calls it",
    "ComfyUI/venv/bin/python -m pip install ": "needs a ComfyUI",
    # Parts of commands: what a sentence speaks of.
    "howard farm bundle --adapt 80": "lacks plate, clean plate and output",
    "howard farm run job/ --step Fit": "the page's job fits nothing: tests/farm/test_local.py runs it",
    "howard farm run job/ --step Report": "long shots have that step: tests/farm/test_local.py runs it",
    "howard matte --fit shot.fit.json --resume": "lacks plate, clean plate and output",
    "howard nuke install DIR": "stands for any folder; with ~/.nuke it is typed",
    "openjd run": "the program's name; the line with its arguments is run",
    "deadline bundle submit": "needs Deadline Cloud: tests/farm/test_deadline.py",
    "deadline config": "the program's name",
}
"""Commands that are not run, and why; after a space or a slash at the end anything may follow.

The flags of those of Howard and of its scripts are looked up all the same.
"""

STANDS_FOR = {
    "howard matte ...": "howard matte plate.####.exr --clean clean.exr -o out/shot.####.exr",
    "howard COMMAND --help": "howard matte --help",
    "--task N": "--task 0",
}
"""Placeholders of the pages, and what is typed for them."""

_PROGRAMS = (
    "howard",
    "make",
    "python",
    "openjd",
    "pip",
    "deadline",
    "blender",
    "ComfyUI/venv/bin/python",
    "uv",
    "pipx",
)
_MADE = ("-o", "--output", "--report", "--contact-sheet", "--page", "-b", "--bundle")
_IS_NAME = re.compile(r"howard( [a-z]+){1,2}")


def shown(page: Path) -> list[str]:
    """List the commands of a page, as they are to be typed."""
    text = page.read_text(encoding="utf-8")
    blocks, prose, language = [], [], None
    for line in text.splitlines():
        if line.startswith("```"):
            language = None if language is not None else line.removeprefix("```").strip()
        elif language is not None:
            blocks += [line] if language in ("", "sh", "bash", "console") else []
        elif line.startswith("    "):
            blocks.append(line)
        else:
            prose.append(line)
    # Usage lines of the page that is made from the commands are the commands' own.
    lines = [] if page.name == "cli.md" else "\n".join(blocks).replace("\\\n", " ").splitlines()
    commands = [part.strip() for line in lines for part in re.split(r"\s{3,}(?=howard )", line.strip())]
    commands += re.findall(r"`([^`]+)`", "\n".join(prose))
    commands = [re.sub(r"\s+", " ", re.sub(r"\s+# .*", "", one)).strip() for one in commands]
    return [one for one in commands if one.split(" ")[0] in _PROGRAMS and " " in one]


SHOWN = {command: page.name for page in reversed(PAGES) for command in shown(page)}


def reason(command: str) -> str | None:
    """Say why a command is not run; None where it is."""
    return next((said for listed, said in NOT_RUN.items() if _is_meant(listed, command)), None)


def _is_meant(listed: str, command: str) -> bool:
    return command == listed or (listed.endswith((" ", "/")) and command.startswith(listed))


HOWARD = [command for command in SHOWN if command.startswith("howard ")]
NAMES = [command for command in HOWARD if _IS_NAME.fullmatch(command)]
TYPED = [command for command in HOWARD if command not in NAMES and reason(command) is None]


@pytest.fixture(autouse=True)
def _leave_the_process_as_it_was() -> Iterator[None]:
    logger = logging.getLogger("howard_nodes")
    handlers, before = list(logger.handlers), signal.getsignal(signal.SIGTERM)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    signal.signal(signal.SIGTERM, before)
    logger.handlers = handlers


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[[str, Path], str]:
    """Type a command in a folder; it must end with 0. Gives what was printed."""
    # What bundles start has to be this Howard.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def typed(command: str, folder: Path) -> str:
        for placeholder, value in STANDS_FOR.items():
            command = command.replace(placeholder, value)
        monkeypatch.chdir(folder)
        arguments = [part.replace("~", str(folder / "home")) for part in shlex.split(command)[1:]]
        capfd.readouterr()
        if arguments[:2] == ["farm", "run"]:  # it puts another program in its place
            code = subprocess.run([sys.executable, "-m", "howard_nodes", *arguments], check=False).returncode
        else:
            with pytest.raises(SystemExit) as ended:
                main(arguments)
            code = ended.value.code or 0
        printed = "".join(capfd.readouterr())
        assert code == 0, printed
        return printed

    return typed


@functools.cache
def _place(height: int, width: int) -> np.ndarray:
    """Blocks of colour: texture to register by."""
    blocks = np.random.default_rng(4).random((height // 6, width // 6, 3), np.float32)
    return np.kron(blocks, np.ones((6, 6, 1), np.float32)) / 2


def _picture(step: int, height: int, width: int) -> np.ndarray:
    """The place with somebody who walks through it."""
    picture = _place(height, width).copy()
    left = width // 20 + step % 6 * width // 7
    picture[height // 3 :, left : left + width // 8] = (1.0, 0.2, 0.1)
    return picture


def _files(pattern: str, frames: tuple[int, ...], *, empty: bool = False) -> None:
    # Hundreds of frames are small and the same six over again.
    height, width = (48, 66) if len(frames) > 20 else (180, 240)
    suffix = Path(pattern).suffix
    space = "lin_rec709_scene" if suffix == ".exr" else "srgb_rec709_scene"
    for place, frame in enumerate(frames):
        path = Path(pattern.replace("####", str(frame)))
        first = path if place < 6 else Path(pattern.replace("####", str(frames[place % 6])))
        if path is not first:
            path.hardlink_to(first)
            continue
        pixels = _place(height, width) if empty else _picture(place, height, width)
        write_image(path, pixels, "RGB", colorspace=space)


def _movie(name: str, *, empty: bool = False) -> None:
    with av.open(name, "w") as output:
        stream = output.add_stream("mjpeg", rate=24, options={"qmin": "1", "q": "1"})
        stream.width, stream.height, stream.pix_fmt = 240, 180, "yuvj444p"
        stream.metadata["timecode"] = "01:00:00:00"
        for step in range(6):
            picture = _place(180, 240) if empty else _picture(step, 180, 240)
            shown = av.VideoFrame.from_ndarray((picture * 255).astype(np.uint8), "rgb24")
            output.mux(stream.encode(shown.reformat(format="yuvj444p")))
        output.mux(stream.encode())


def _mattes(pattern: str, frames: tuple[int, ...]) -> None:
    for frame in frames:
        matte = np.zeros((180, 240, 1), np.float32)
        write_image(Path(pattern.replace("####", str(frame))), matte, "A")


def lay_out(command: str, folder: Path, type_in: Callable[[str, Path], str]) -> None:
    """Put into a folder what a command names and does not make itself."""
    parts = shlex.split(command)
    named = {name for before, name in itertools.pairwise(parts) if before not in _MADE}
    asked = re.search(r"--frames (\S+)", command)
    frames = parse_frames(asked[1]) if asked else tuple(range(1001, 1007))
    os.chdir(folder)
    for name in sorted(
        named, key=lambda name: (name.startswith(("fit", "job", "out")), name)
    ):  # made of the others
        if name.startswith("plate."):
            _files(name, frames)
        elif name.startswith("clean.") and name.endswith((".exr", ".png")):
            _files(name, frames if "####" in name else (1,), empty=True)
            if "####" not in name and len(frames) > 20:
                write_image(name, _place(48, 66), "RGB", colorspace="lin_rec709_scene")
        elif name.endswith(".mov"):
            _movie(name, empty=name != "take1.mov")
        elif name in ("paint.####.exr", "core.####.exr", "garbage.####.exr"):
            _mattes(name, frames)
        elif name == "ComfyUI/custom_nodes":
            (folder / name).mkdir(parents=True)
        elif name == "~/.nuke":
            (folder / "home/.nuke").mkdir(parents=True)
        elif name == "fit.json":
            type_in(f"howard plate fit plate.####.exr --clean clean.exr -o {name}", folder)
        elif name == "out_v1/shot.####.exr":  # comes after out/shot
            shutil.copytree(folder / "out", folder / "out_v1")
        elif name in ("job/", "out/shot.####.exr"):
            _files("plate.####.exr", frames[:1])
            _files("clean.exr", (1,), empty=True)
            shot = "plate.####.exr --clean clean.exr -o out/shot.####.exr --align off --match-exposure off"
            if name == "job/":
                type_in(f"howard farm bundle {shot} -b job/", folder)
            if name != "job/" or "Verify" in command:
                type_in(f"howard matte {shot}", folder)
            if name != "job/":
                first = folder / f"out/shot.{frames[0]}.exr"
                for frame in frames[1:]:
                    path = folder / f"out/shot.{frame}.exr"
                    if not path.exists():  # where a command has a plate too, all frames are matted
                        path.hardlink_to(first)


@pytest.mark.parametrize("command", TYPED)
def test_a_command_as_it_stands(
    command: str, tmp_path: Path, type_in: Callable[[str, Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for placeholder, value in STANDS_FOR.items():
        command = command.replace(placeholder, value)
    lay_out(command, tmp_path, type_in)
    if command in ("howard farm status job/", "howard farm cancel job/"):
        type_in("howard farm submit job/ --scheduler local", tmp_path)
    there = {path for path in tmp_path.rglob("*") if path.is_file()}
    printed = type_in(command, tmp_path)
    made = {path for path in tmp_path.rglob("*") if path.is_file()} - there
    assert made or printed
    parts = shlex.split(command)
    promised = ("-b",) if parts[1] == "farm" else ("-o", "--report", "--contact-sheet", "--page")
    for flag, name in itertools.pairwise(parts):
        if flag in promised:
            written = name.replace(".####", "*").rstrip("/")  # PNGs have the layer's name before the number
            assert list(tmp_path.glob(written)), f"{name} was not written"
    if command == "howard farm status job/":
        type_in("howard farm cancel job/", tmp_path)


@pytest.mark.parametrize("command", NAMES)
def test_a_command_that_is_spoken_of_is_there(
    command: str, tmp_path: Path, type_in: Callable[[str, Path], str]
) -> None:
    assert "Usage: howard" in type_in(f"{command} --help", tmp_path)


@pytest.mark.parametrize("command", [one for one in HOWARD if reason(one) is not None])
def test_flags_of_a_command_that_is_not_run_are_its_own(
    command: str, tmp_path: Path, type_in: Callable[[str, Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    name = re.match(r"howard(?: (?:farm|weights|nuke|comfyui|plate|node))? [a-z]+", command)[0]
    known = type_in(f"{name} --help", tmp_path)
    for flag in re.findall(r" (--?[a-z][\w-]*)", command):
        assert re.search(rf"(?<![\w-]){flag}(?![\w-])", known), f"{name} has no {flag}"


@pytest.mark.parametrize("command", [one for one in SHOWN if one.startswith("make ")])
def test_a_target_of_make_is_there(command: str) -> None:
    said = subprocess.run([*command.split(), "-n"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr


@pytest.mark.parametrize("command", [one for one in SHOWN if re.match(r"python [^-]", one)])
def test_a_script_has_the_flags_that_are_shown(command: str) -> None:
    script = ROOT / command.split()[1]
    flags = re.findall(r"--[a-z][\w-]*", command)
    # Scripts of a folder share some of their flags.
    beside = script.parent.glob("*.py") if script.parent.name == "scenes" else ()
    text = "".join(path.read_text(encoding="utf-8") for path in (script, *beside))
    assert [flag for flag in flags if f'"{flag}"' not in text] == []


def test_each_command_is_typed_or_said_not_to_be() -> None:
    others = [one for one in SHOWN if one not in HOWARD and not one.startswith("make ")]
    assert [one for one in others if reason(one) is None] == [], "run it, or say in NOT_RUN why not"
    idle = [listed for listed in NOT_RUN if not any(_is_meant(listed, one) for one in SHOWN)]
    assert idle == [], "no page shows these any more"
    unused = [placeholder for placeholder in STANDS_FOR if not any(placeholder in one for one in SHOWN)]
    assert unused == [], "no page has these placeholders any more"
    assert len(TYPED) >= 20
