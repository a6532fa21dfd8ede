"""Plates and clean plates of all kinds; what is rendered lets the test put the comp together."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import artist
import bpy


def movie_clip(socket: Any, file: str, start: int, offset: int) -> None:
    """Plug in a Movie Clip node."""
    tree = artist.compositor()
    node = tree.nodes.new("CompositorNodeMovieClip")
    node.clip = bpy.data.movieclips.load(file)
    node.clip.frame_start, node.clip.frame_offset = start, offset
    tree.links.new(node.outputs["Image"], socket)


def renumbered(socket: Any, start: int, first: int, count: int) -> None:
    """Shift the sequence of an Image node."""
    node = socket.links[0].from_node
    node.frame_start, node.frame_offset, node.frame_duration = start, first - 1, count


def in_srgb(socket: Any) -> None:
    """Say that a picture is sRGB: Blender knows that by itself in its own configuration only."""
    settings = socket.links[0].from_node.image.colorspace_settings
    names = settings.bl_rna.properties["name"].enum_items.keys()
    settings.name = "sRGB" if "sRGB" in names else "sRGB - Texture"


def sequences(shot: Path) -> Any:
    """The plate starts at 11 with 1002; the clean plate is numbered otherwise."""
    node = artist.add_matte(str(shot / "plate.1001.exr"), str(shot / "clean.0001.exr"))
    renumbered(node.inputs["Plate"], 11, 1002, 2)
    renumbered(node.inputs["Clean Plate"], 11, 2, 2)
    return node


def held(shot: Path) -> Any:
    """After its end, the last frame holds."""
    node = artist.add_matte(str(shot / "plate.1001.exr"), str(shot / "clean.exr"))
    renumbered(node.inputs["Plate"], 10, 1001, 2)
    return node


def clips(shot: Path) -> Any:
    """Movie clips of sequences."""
    node = artist.add_matte("", "")
    movie_clip(node.inputs["Plate"], str(shot / "plate.1001.exr"), 11, 1)
    movie_clip(node.inputs["Clean Plate"], str(shot / "clean.0001.exr"), 11, 0)
    return node


def movies(shot: Path) -> Any:
    """A movie in an Image node."""
    node = artist.add_matte(str(shot / "plate.mov"), str(shot / "clean.png"))
    node.inputs["Plate"].links[0].from_node.frame_start = 10
    return node


def movie_clips(shot: Path) -> Any:
    """A movie in a Movie Clip node."""
    node = artist.add_matte("", str(shot / "clean.png"))
    movie_clip(node.inputs["Plate"], str(shot / "plate.mov"), 10, 0)
    return node


def stills(shot: Path) -> Any:
    """Two single images."""
    node = artist.add_matte(str(shot / "plate.png"), str(shot / "clean.png"))
    in_srgb(node.inputs["Plate"])
    in_srgb(node.inputs["Clean Plate"])
    return node


def textures(shot: Path) -> Any:
    """A sequence of another colour space than the scene's."""
    node = artist.add_matte(str(shot / "acescg.1001.exr"), str(shot / "clean.png"))
    node.inputs["Plate"].links[0].from_node.image.colorspace_settings.name = "ACEScg"
    in_srgb(node.inputs["Clean Plate"])
    renumbered(node.inputs["Plate"], 11, 1002, 2)
    return node


CASES: dict[str, Callable[[Path], Any]] = {
    case.__name__: case for case in (sequences, held, clips, movies, movie_clips, stills, textures)
}


def main(zip_file: str, howard: str, shot: Path, project: Path, *names: str) -> None:
    with artist.addon(zip_file, howard):
        for name in names:
            folder = project / name
            artist.start_scene(folder, (11, 12))
            node = CASES[name](shot)
            assert bpy.ops.howard.pull_matte(frames="RANGE") == {"FINISHED"}
            artist.say(name, node.node_tree.howard.status)
            for frame in (11, 12):
                artist.render(node.outputs["Image"], frame, folder / f"image.{frame}.exr")
                for label in ("Plate", "Clean Plate"):
                    source = node.inputs[label].links[0].from_socket
                    artist.render(source, frame, folder / f"{label}.{frame}.exr")


main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), *sys.argv[5:])
