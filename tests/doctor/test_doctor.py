"""`howard doctor`: tells a good installation from a broken one, and no more than anybody may know."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from howard_nodes.doctor import examination, programs, surroundings
from howard_nodes.doctor.findings import Finding, examined, without_home
from howard_nodes.doctor.inside import LIBRARIES

ROOT = Path(__file__).parents[2]


def doctor(*arguments: str, path: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Call it as an artist would, with modules in the way if need be."""
    found = os.environ | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(map(str, (path or ROOT, ROOT))),
    }
    return subprocess.run(
        [sys.executable, "-m", *arguments], env=found | env, capture_output=True, text=True, timeout=300
    )


def test_a_good_installation_is_said_to_be_good():
    done = doctor("howard_nodes", "doctor", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    values = {one["name"]: one["value"] for one in told["findings"]}
    assert told["good"]
    assert told["verdict"] == "all is well"
    assert not [one for one in told["findings"] if one["problem"]]
    assert set(LIBRARIES) | {"howard", "python", "device", "weights", "colour", "worker"} <= set(values)
    assert values["device"].startswith(("cpu, float32", "cuda, float16", "mps, float32"))
    assert "SHA-256" in values["weights"]
    assert "howard.ocio" in values["colour"]
    assert "alpha is off by 0.00" in values["self-test"]
    assert values["worker"].startswith("answers")


@pytest.fixture
def in_the_way(tmp_path: Path) -> Path:
    (tmp_path / "cv2.py").write_text("raise ImportError('DLL load failed while importing cv2', name='cv2')")
    (tmp_path / "xxhash.py").write_text("raise ValueError('numpy.dtype size changed')")
    (tmp_path / "pi_heif.py").write_text("raise ModuleNotFoundError('No module', name='pi_heif')")
    return tmp_path


def test_broken_libraries_are_named_and_the_others_are_looked_at_all_the_same(in_the_way):
    done = doctor("howard_nodes", "doctor", path=in_the_way)
    assert done.returncode == 1
    body, _, problems = done.stdout.partition("howard doctor: ")
    assert (
        "opencv-python-headless cannot be loaded (DLL load failed while importing cv2): install" in problems
    )
    assert "pi-heif is not installed" in problems
    assert "xxhash: ValueError: numpy.dtype size changed" in problems
    assert "weights" in body
    assert "files" in body
    assert "self-test: " in problems
    assert "Traceback" not in done.stdout


def test_a_library_that_ends_the_process_is_named(tmp_path):
    (tmp_path / "safetensors.py").write_text("import os; os.kill(os.getpid(), 4)")
    done = doctor("howard_nodes", "doctor", path=tmp_path)
    assert done.returncode == 1
    assert "safetensors ends the whole process (signal SIGILL): install Howard again" in done.stdout
    assert "blender" in done.stdout


def test_without_the_command_lines_own_libraries_it_is_told_where_to_look(tmp_path):
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError('No module named typer', name='typer')")
    done = doctor("howard_nodes", "matte", path=tmp_path)
    assert done.returncode == 2
    assert "typer cannot be loaded. Install Howard again; python -m howard_nodes.doctor" in done.stderr
    done = doctor("howard_nodes.doctor", path=tmp_path)
    assert done.returncode == 1
    assert "typer is not installed: install Howard again" in done.stdout


def test_a_configuration_that_is_not_there_is_a_problem(tmp_path):
    done = doctor("howard_nodes.doctor", OCIO=str(tmp_path / "gone.ocio"))
    assert done.returncode == 1
    assert "colour: ColorError: " in done.stdout
    assert "gone.ocio" in done.stdout


def test_what_raises_is_a_finding():
    assert examined("blender", lambda: 1 / 0) == [  # type: ignore[arg-type, return-value]
        Finding("blender", "cannot be told", "blender: ZeroDivisionError: division by zero")
    ]


def test_the_environment_is_told_without_what_is_private(monkeypatch):
    for name in list(os.environ):
        monkeypatch.delenv(name)
    assert surroundings.environment() == [Finding("environment", "nothing that matters is set")]
    monkeypatch.setenv("https_proxy", "http://ann:secret@proxy.studio:3128")
    monkeypatch.setenv("PIP_INDEX_URL", "https://token@packages.studio/simple")
    monkeypatch.setenv("HOWARD_WEIGHTS", "/shows/weights")
    monkeypatch.setenv("OCIO", "https://ann:secret@studio/config.ocio")
    monkeypatch.setenv("API_KEY", "secret")
    lines = "\n".join(finding.value for finding in surroundings.environment())
    assert "secret" not in lines
    assert "token" not in lines
    assert "proxy.studio" not in lines
    assert "https_proxy is set (not shown)" in lines
    assert "HOWARD_WEIGHTS=/shows/weights" in lines
    assert "OCIO=https://***@studio/config.ocio" in lines


@pytest.mark.parametrize(
    ("home", "text", "shown"),
    [
        ("/home/ann", "/home/ann/x, /home/anna/y", "~/x, /home/anna/y"),
        ("/home/ann", "PATH=/home/ann:/usr/bin", "PATH=~:/usr/bin"),
        (r"C:\Users\Ann", r"c:\users\ann\x and C:/Users/Ann/y", r"~\x and ~/y"),
        ("/", "/usr/bin", "/usr/bin"),
    ],
)
def test_the_home_folder_is_not_told(monkeypatch, home, text, shown):
    monkeypatch.setattr(Path, "home", lambda: home)
    assert without_home(text) == shown


def test_blenders_and_the_add_on_are_found_where_they_usually_are(monkeypatch, tmp_path):
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for place, version in (
        ("bin", "5.2.0"),
        ("blender-4.5.3-linux-x64", "4.5.3 LTS"),
        ("Downloads/blender", ""),
    ):
        (tmp_path / place).mkdir(parents=True)
        program = tmp_path / place / "blender"
        program.write_text(
            f"#!/bin/sh\necho 'a warning first'\necho 'Blender {version}'\necho '\tbuild date'\n"
        )
        program.chmod(0o755)
    addon = tmp_path / "config/blender/4.5/extensions/user_default/howard_matte"
    addon.mkdir(parents=True)
    (addon / "blender_manifest.toml").write_text('schema_version = "1.0.0"\nversion = "0.1.0"\n')
    name, *others = programs.blenders()
    values = [name.value, *(other.value for other in others)]
    assert name.name == "blender"
    assert values[0] == f"Blender 5.2.0, {tmp_path}/bin/blender"
    assert f"Blender 4.5.3 LTS, {tmp_path}/blender-4.5.3-linux-x64/blender" in values
    assert f"a Blender that does not say its version, {tmp_path}/Downloads/blender/blender" in values
    assert values[-1] == f"add-on 0.1.0 in Blender 4.5, {addon}"


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_blenders_are_looked_for_on_other_systems(monkeypatch, tmp_path, platform):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setenv("PATH", "")
    for variable in ("PROGRAMFILES", "PROGRAMFILES(X86)", "APPDATA"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    place, user = {
        "win32": (
            "PROGRAMFILES/Blender Foundation/Blender 5.2/blender.exe",
            "APPDATA/Blender Foundation/Blender",
        ),
        "darwin": (
            "Applications/Blender 5.2.app/Contents/MacOS/Blender",
            "Library/Application Support/Blender",
        ),
    }[platform]
    program = tmp_path / place
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho 'Blender 5.2.1'\n")
    program.chmod(0o755)
    addon = tmp_path / user / "5.2/extensions/user_default/howard_matte"
    addon.mkdir(parents=True)
    (addon / "blender_manifest.toml").write_text('version = "0.2.0"\n')
    values = [finding.value for finding in programs.blenders()]
    assert values == [f"Blender 5.2.1, {program}", f"add-on 0.2.0 in Blender 5.2, {addon}"]


def test_a_worker_that_does_not_answer_is_a_problem(monkeypatch):
    monkeypatch.setattr(programs.sys, "executable", "/bin/false")
    (finding,) = programs.worker()
    assert finding.value == "does not answer"
    assert "did not start a Howard worker (exit code 1)" in finding.problem


def test_a_full_disk_and_a_folder_that_cannot_be_written_are_told(monkeypatch, tmp_path):
    usage = type("Usage", (), {"free": 1e9})
    monkeypatch.setattr(surroundings.shutil, "disk_usage", lambda _: usage)
    assert "has 1.0 GB left; free some space" in surroundings.folders()[0].problem

    def refuse(dir: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(surroundings.tempfile, "TemporaryFile", refuse)
    temporary, current = surroundings.folders()
    assert "Set TMPDIR" in temporary.problem
    assert "read-only" in current.value
    assert not current.problem


def test_a_library_that_never_comes_back_is_named(monkeypatch):
    waits = 'import time; print(\'{"at": "torch"}\', flush=True); time.sleep(60)'
    monkeypatch.setattr(examination, "_INSIDE", [sys.executable, "-c", waits])
    monkeypatch.setattr(examination, "_INSIDE_SECONDS", 2.0)
    (finding,) = examination._inside()
    assert finding.problem.startswith("torch ends the whole process (no end after 2 s)")
