# SPDX-License-Identifier: GPL-3.0-or-later
"""Render the passes of the demo shot with Cycles: clean, fg, alpha and shade.

    python scenes/demo_shot/render.py WORK            # all frames
    python scenes/demo_shot/render.py WORK --frames 0,7 --passes fg --scale 50

WORK/person.npz comes from bodies.py. ``fg`` is the person lit by the room that the camera does not see,
``alpha`` her coverage alone with many samples, ``clean`` the room, ``shade`` what her shadow and the light
she bounces multiply the room by.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import bpy
import cv2
import numpy as np
from mathutils import Vector

sys.path.insert(0, str(Path(__file__).parent))

import OpenImageIO as oiio  # noqa: N813
import room
from person import build_person

SIZE = (960, 540)
FRAMES = 8


def start(scale: int) -> None:
    """Empty the scene, set the renderer up, put camera and key lights."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.preferences.addon_enable(module="cycles")
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device = "CPU"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces, cycles.transmission_bounces = (
        5,
        2,
        2,
        3,
    )
    cycles.transparent_max_bounces = 8
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4
    cycles.blur_glossy = 1.0
    cycles.denoiser = "OPENIMAGEDENOISE"
    cycles.denoising_input_passes = "RGB_ALBEDO_NORMAL"
    scene.cycles_curves.shape = "RIBBONS"
    scene.cycles_curves.subdivisions = 1
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    scene.render.resolution_percentage = scale
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_depth = "16"
    scene.render.image_settings.exr_codec = "ZIP"
    scene.view_settings.view_transform = "Standard"
    scene.render.use_motion_blur = True
    scene.render.motion_blur_shutter = 0.5
    scene.render.use_persistent_data = True
    camera = bpy.data.cameras.new("camera")
    item = room.add_object("camera", camera, location=(0, -2.0, 1.43))
    scene.camera = item
    item.rotation_euler = (Vector((0, 0, 1.385)) - item.location).to_track_quat("-Z", "Y").to_euler()
    camera.sensor_fit, camera.sensor_height, camera.lens = "VERTICAL", 24, 76
    camera.dof.use_dof = True
    camera.dof.focus_distance, camera.dof.aperture_fstop = 1.92, 4.0
    scene.frame_set(1)


def light() -> None:
    """Light the person: the key from the window's side, a low fill, a rim from behind."""
    room.add_area((1.25, -1.15, 2.0), (-0.1, 0, 1.45), 0.7, 26, (1.0, 0.90, 0.78))
    room.add_area((-1.7, -0.9, 1.5), (-0.1, 0, 1.4), 1.2, 6, (0.72, 0.84, 1.0))
    room.add_area((-0.95, 1.1, 2.25), (-0.1, 0, 1.5), 0.5, 30, (1.0, 0.80, 0.58))
    room.add_area((0.8, 1.2, 1.9), (-0.1, 0, 1.5), 0.45, 22, (1.0, 0.74, 0.48))


def shoot(path: Path, samples: int, film: bool, denoise: bool, seed: int, adaptive: float = 0.0) -> None:
    """Render one picture to an EXR."""
    scene = bpy.context.scene
    cycles = scene.cycles
    cycles.samples, cycles.use_denoising, cycles.seed = samples, denoise, seed
    cycles.use_adaptive_sampling = adaptive > 0
    cycles.adaptive_threshold, cycles.adaptive_min_samples = adaptive, max(8, samples // 5)
    scene.render.film_transparent = film
    scene.render.image_settings.color_mode = "RGBA" if film else "RGB"
    scene.render.filepath = str(path)
    began = time.time()
    bpy.ops.render.render(write_still=True)
    print(f"{path.name}: {time.time() - began:.0f} s", flush=True)


def load(path: Path) -> np.ndarray:
    """Read a rendered picture's colour."""
    source = oiio.ImageInput.open(str(path))
    spec = source.spec()
    pixels = source.read_image(0, 0, 0, spec.nchannels, "float")
    source.close()
    return np.asarray(pixels)[..., :3]


def save(path: Path, pixels: np.ndarray) -> None:
    """Write colour to a half EXR."""
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], 3, "half")
    target = oiio.ImageOutput.create("openexr")
    if not (
        target.open(str(path), spec) and target.write_image(np.ascontiguousarray(pixels)) and target.close()
    ):
        raise OSError(f"{path}: {target.geterror()}")


def flat() -> bpy.types.Material:
    """Make a material that is white by itself."""
    return room.Material("flat").emission((1.0, 1.0, 1.0), 1.0)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--frames", default=",".join(map(str, range(FRAMES))))
    parser.add_argument("--passes", default="clean,fg,alpha,shade")
    parser.add_argument("--scale", type=int, default=100)
    parser.add_argument(
        "--samples", type=int, default=10, help="samples of fg; the other passes follow from it"
    )
    arguments = parser.parse_args()
    passes = arguments.passes.split(",")
    work = arguments.work
    frames = [int(f) for f in arguments.frames.split(",")]
    bare = work / "bare.exr"
    if "clean" in passes or "shade" in passes:
        start(arguments.scale)
        room.build_reading_corner()
        light()
        if "clean" in passes:
            shoot(work / "clean.exr", arguments.samples * 3, False, True, 1, 0.03)
        bpy.context.scene.render.resolution_percentage = 33
        if "shade" in passes:
            shoot(bare, 24, False, True, 2)
    for frame in frames:
        start(arguments.scale)
        began = time.time()
        room.build_reading_corner()
        light()
        scene = bpy.context.scene
        place = [item for item in scene.objects if item.type in ("MESH", "CURVE", "CURVES")]
        lamps = [item for item in scene.objects if item.type == "LIGHT"]
        person, _ = build_person(work / "person.npz", frame)
        print(f"frame {frame} built in {time.time() - began:.0f} s", flush=True)
        number = 1001 + frame
        if "shade" in passes and frame in (0, FRAMES - 1):
            scene.render.resolution_percentage = 33
            for item in person:
                item.visible_camera = False
            shoot(work / f"with.{number}.exr", 24, False, True, 2)
            for item in person:
                item.visible_camera = True
            scene.render.resolution_percentage = arguments.scale
            # Both are soft: the ratio of blurs keeps the room's detail out of it.
            top, bottom = (cv2.GaussianBlur(load(p), (0, 0), 6) for p in (work / f"with.{number}.exr", bare))
            save(work / f"shade.{number}.exr", top / np.maximum(bottom, 1e-4))
        if "fg" in passes:
            scene.cycles.max_bounces, scene.cycles.diffuse_bounces = 3, 1
            for item in place:
                item.visible_camera = False
            shoot(work / f"fg.{number}.exr", arguments.samples, True, True, 7 + frame, 0.03)
            for item in place:
                item.visible_camera = True
        if "alpha" in passes:
            white = flat()
            for item in person:
                for k in range(len(item.data.materials)):
                    item.data.materials[k] = white
            for item in place + lamps:
                item.hide_render = True
            scene.world = None
            scene.cycles.max_bounces = 0
            # Only where it is neither 0 nor 1 does coverage need the many samples.
            shoot(work / f"alpha.{number}.exr", arguments.samples * 8, True, False, 19 + frame, 0.01)


if __name__ == "__main__":
    main()
