"""What the plug-in makes of names, folders, environment and colour spaces: no Nuke, no worker."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from howard_nodes.color import ColorConfig


@pytest.mark.parametrize(
    ("preference", "environ", "expected"),
    [
        ("", {}, ["/bin/sh"]),
        ("  ", {"HOWARD": "howard"}, ["howard"]),
        ("howard --verbose", {"HOWARD": "other"}, ["howard", "--verbose"]),
    ],
)
def test_which_howard(plugin: Any, preference: str, environ: dict[str, str], expected: list[str]) -> None:
    assert plugin.command.howard(preference, environ, ["/bin/sh"]) == expected


def test_a_path_with_blanks_is_one_word(plugin: Any, tmp_path: Path) -> None:
    path = tmp_path / "my howard"
    path.write_text("")
    assert plugin.command.howard(str(path), {}, []) == [str(path)]


def test_a_command_of_windows_keeps_its_backslashes(plugin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    said = r'"C:\Program Files\howard\howard.exe" --verbose'
    assert plugin.command.howard(said, {}, []) == [r"C:\Program Files\howard\howard.exe", "--verbose"]


@pytest.mark.parametrize("origin", ["preference", "$HOWARD", "installed"])
def test_a_howard_that_is_not_there(plugin: Any, origin: str) -> None:
    path = "/nowhere/howard"
    said = {
        "preference": path if origin == "preference" else "",
        "environ": {"HOWARD": path} if origin == "$HOWARD" else {},
    }
    with pytest.raises(plugin.errors.PluginError, match=f"{origin.replace('$', '.')}.*is /nowhere/howard"):
        plugin.command.howard(said["preference"], said["environ"], [path])


def test_nukes_own_libraries_are_kept_from_the_worker(plugin: Any) -> None:
    environ = {"LD_LIBRARY_PATH": "/opt/Nuke15.1v3/lib:/usr/local/lib:/opt/Nuke15.1v3", "HOME": "/home/me"}
    assert plugin.command.environment(environ, "/opt/Nuke15.1v3") == {"LD_LIBRARY_PATH": "/usr/local/lib"}
    assert plugin.command.environment({"LD_LIBRARY_PATH": "/usr/local/lib"}, "/opt/Nuke15.1v3") == {}


@pytest.mark.parametrize(
    ("management", "named", "space"),
    [
        ("Nuke", "linear", "lin_rec709_scene"),
        ("OCIO", "scene_linear (ACES - ACEScg)", "lin_ap1_scene"),
        ("OCIO", "ACEScg", "lin_ap1_scene"),
        ("OCIO", "ACES - ACES2065-1", "lin_ap0_scene"),
        ("OCIO", "Linear Rec.709 (sRGB)", "lin_rec709_scene"),
        ("OCIO", "Utility - Linear - sRGB", "lin_rec709_scene"),
        ("OCIO", "Linear P3-D65", "lin_p3d65_scene"),
        ("OCIO", "lin_rec2020_scene", "lin_rec2020_scene"),
        ("OCIO", "linear", "lin_rec709_scene"),
    ],
)
def test_working_space(plugin: Any, management: str, named: str, space: str) -> None:
    assert plugin.colour.working_space("", management, named) == space
    assert plugin.colour.working_space(" logc3 ", management, named) == "logc3"
    assert ColorConfig.load("howard").is_scene_linear(space)


def test_a_working_space_that_says_nothing(plugin: Any) -> None:
    with pytest.raises(plugin.errors.PluginError, match="'scene_linear'.*tab Files"):
        plugin.colour.working_space("", "OCIO", "scene_linear")


def test_names_of_files(plugin: Any, tmp_path: Path) -> None:
    files = plugin.files
    folder = files.work_folder(f"{tmp_path.as_posix()}/", "HowardMatte1")
    result = files.result_pattern(folder, "HowardMatte1")
    assert result.of_nuke() == f"{tmp_path.as_posix()}/HowardMatte1/HowardMatte1.%04d.exr"
    assert result.of_howard().endswith("/HowardMatte1.####.exr")
    assert files.frames_there(result) == []
    Path(folder).mkdir()
    for name in (
        "HowardMatte1.1001.exr",
        "HowardMatte1.10001.exr",
        "HowardMatte1.0007.exr",
        "HowardMatte12.1002.exr",
    ):
        (Path(folder) / name).write_text("")
    assert files.frames_there(result) == [7, 1001, 10001]
    assert files.are_there(result, [7, 1001])
    assert not files.are_there(result, [1001, 1002])
    with pytest.raises(plugin.errors.PluginError, match="Save the script"):
        files.work_folder("./howard", "HowardMatte1")
