# SPDX-License-Identifier: GPL-3.0-or-later
"""Render recipes with Cycles: the colour of what they show, lit and denoised, and its coverage alone.

Runs in a Python that has bpy (4.5); bank.py starts it:

    python scenes/scene.py RECIPES.json BODIES FOLDER --size 512 512 --threads 2

BODIES is what poses.py wrote. FOLDER gets ``NNNNN.color.exr`` (premultiplied, film transparent) and
``NNNNN.cover.exr`` (grey: what is seen of a white world, so 1 less the coverage). A line ``rendered NNNNN
SECONDS`` on standard output follows each; ``failed NNNNN REASON`` where it could not be rendered.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Euler, Matrix, Vector

sys.path.append(str(Path(__file__).parent / "demo_shot"))

from body import Body
from people import build_person
from props import add_chair
from recipe import people_of
from room import Material, add_area, add_object, hsv
from shapes import plain
from things import build_thing

__all__ = [
    "SENSOR",
    "Laps",
    "aim",
    "blacken",
    "build",
    "build_subject",
    "facing",
    "lamps",
    "move",
    "render",
    "serve",
    "shoot",
    "sky",
    "start",
]

# Half the height of the picture's sensor over its focal length is tan of half the view.
SENSOR = 24.0

# Height of the picture in metres, and its middle below the eyes.
FRAMING = {"head": (0.46, 0.03), "bust": (0.8, 0.16), "half": (1.1, 0.32), "three quarters": (1.5, 0.5)}

# Samples of colour (denoised) and of coverage (at most; fewer where it is 0 or 1 without doubt).
COLOR_SAMPLES = 14
COVER_SAMPLES = 256


def start(size: tuple[int, int], threads: int) -> None:
    """Empty the scene and set the renderer up for pictures of a width and height."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.preferences.addon_enable(module="cycles")
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device = "CPU"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces, cycles.transmission_bounces = (
        2,
        1,
        2,
        2,
    )
    cycles.transparent_max_bounces = 12
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4
    cycles.blur_glossy = 1.0
    cycles.denoiser = "OPENIMAGEDENOISE"
    cycles.denoising_input_passes = "RGB_ALBEDO_NORMAL"
    cycles.denoising_prefilter = "FAST"
    scene.cycles_curves.shape = "RIBBONS"
    scene.cycles_curves.subdivisions = 1
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    scene.render.use_persistent_data = True
    scene.render.threads_mode, scene.render.threads = "FIXED", threads
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.exr_codec = "ZIP"
    scene.view_settings.view_transform = "Standard"
    scene.frame_set(1)


def _background() -> tuple[bpy.types.World, bpy.types.Node]:
    """Make a new world; returns it and its background's node."""
    world = bpy.data.worlds.new("world")
    bpy.context.scene.world = world
    world.use_nodes = True
    tree = world.node_tree
    tree.nodes.clear()
    output, background = (tree.nodes.new(f"ShaderNode{name}") for name in ("OutputWorld", "Background"))
    tree.links.new(background.outputs[0], output.inputs[0])
    return world, background


def sky(light: dict[str, Any]) -> None:
    """Light with an HDRI, all of them as bright on average."""
    world, background = _background()
    tree = world.node_tree
    folder = Path(bpy.utils.system_resource("DATAFILES")) / "studiolights" / "world"
    image = bpy.data.images.load(str(folder / f"{light['hdri']}.exr"))
    pixels = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(pixels)
    mean = float(pixels.reshape(-1, 4)[:, :3].mean())
    picture, where, mapping = (
        tree.nodes.new(f"ShaderNode{name}") for name in ("TexEnvironment", "TexCoord", "Mapping")
    )
    picture.image = image
    mapping.inputs["Rotation"].default_value = (0, 0, math.radians(light["turn"]))
    background.inputs[1].default_value = 0.8 * 2 ** light["stops"] / mean
    tree.links.new(where.outputs["Generated"], mapping.inputs[0])
    tree.links.new(mapping.outputs[0], picture.inputs[0])
    tree.links.new(picture.outputs[0], background.inputs[0])
    world.cycles.sampling_method, world.cycles.sample_map_resolution = "MANUAL", 256


def lamps(light: dict[str, Any], target: np.ndarray, scale: float) -> list[bpy.types.Object]:
    """Add the recipe's lamps around a target; scale is the picture's height in metres."""
    made = []
    for lamp in light["lamps"]:
        azimuth, height = math.radians(lamp["azimuth"]), math.radians(lamp["height"])
        far = 1.2 + scale
        way = np.array(
            [math.sin(azimuth) * math.cos(height), -math.cos(azimuth) * math.cos(height), math.sin(height)]
        )
        warm = hsv(0.08 if lamp["warmth"] > 0 else 0.6, abs(lamp["warmth"]) * 0.5, 1.0)
        energy = 9.0 * far**2 * 2 ** lamp["stops"]
        made.append(add_area(target + way * far, target, lamp["size"] * far / 2, energy, warm))
    return made


def _extent(items: list, camera: dict[str, Any]) -> tuple[np.ndarray, float]:
    """Find the middle of objects, and the side of a square that holds them as the camera sees them."""
    bpy.context.view_layer.update()
    corners = np.array([item.matrix_world @ Vector(c) for item in items for c in item.bound_box])
    frame = np.array(facing(camera).to_matrix())[:, :2]
    flat = corners @ frame
    return (corners.min(0) + corners.max(0)) / 2, float(np.ptp(flat, axis=0).max())


def facing(camera: dict[str, Any]) -> Euler:
    """Find how the camera is turned."""
    yaw, tilt = math.radians(camera["yaw"]), math.radians(camera["tilt"])
    way = Vector((-math.sin(yaw) * math.cos(tilt), math.cos(yaw) * math.cos(tilt), -math.sin(tilt)))
    turned = way.to_track_quat("-Z", "Y").to_euler()
    turned.rotate_axis("Z", math.radians(camera["roll"]))
    return turned


def aim(
    camera: dict[str, Any], target: np.ndarray, height: float, focus: np.ndarray, rng: np.random.Generator
) -> None:
    """Set the camera up around a target that fills the picture's height in metres."""
    data = bpy.data.cameras.new("camera")
    item = add_object("camera", data)
    bpy.context.scene.camera = item
    data.sensor_fit, data.sensor_height, data.lens = "VERTICAL", SENSOR, camera["lens"]
    data.clip_start = 0.01
    distance = height / 2 / (SENSOR / 2 / camera["lens"])
    item.rotation_euler = facing(camera)
    frame = item.rotation_euler.to_matrix()
    way = frame.col[2]
    shift = frame @ Vector((camera["right"], camera["up"], 0)) * height
    item.location = Vector(target) + way * distance + shift
    if camera["defocus"]:
        data.dof.use_dof = True
        away = abs((Vector(focus) - item.location).dot(way))
        miss = float(rng.choice([0.0, 0.0, 0.0, -0.06, 0.08]))
        data.dof.focus_distance = away * (1 + miss)
        # The lens is wide open for its distance, so that a blur is as wide at any size of picture.
        data.dof.aperture_fstop = camera["defocus"] * camera["lens"] / 50 * min(1.0, 1.5 / distance)


def move(items: list, camera: dict[str, Any], height: float) -> None:
    """Let everything move through the shutter."""
    scene = bpy.context.scene
    if not camera["blur"]:
        return
    root = add_object("root", None)
    for item in items:
        if item.parent is None:
            item.parent = root
    angle = math.radians(camera["direction"])
    frame = scene.camera.rotation_euler.to_matrix()
    step = frame @ Vector((math.cos(angle), math.sin(angle), 0)) * height * camera["blur"] * 2
    for number in (0, 1, 2):
        root.location = step * (number - 1)
        root.keyframe_insert("location", frame=number)
    for curve in root.animation_data.action.fcurves:
        for key in curve.keyframe_points:
            key.interpolation = "LINEAR"
    scene.render.use_motion_blur, scene.render.motion_blur_shutter = True, 0.5
    scene.frame_set(1)


def build(recipe: dict[str, Any], bodies: Path, size: int) -> None:
    """Build what a recipe shows, its camera and its lamps, for pictures some pixels high."""
    camera = recipe["camera"]
    rng = np.random.default_rng(recipe["detail"])
    items, target, height, focus = build_subject(recipe, bodies, size, rng)
    aim(camera, target, height, focus, rng)
    lamps(recipe["light"], target, height)
    move(items, camera, height)


def build_subject(
    recipe: dict[str, Any], bodies: Path, size: int, rng: np.random.Generator
) -> tuple[list[bpy.types.Object], np.ndarray, float, np.ndarray]:
    """Build people or a thing; returns objects, what the camera aims at, its height there, what is sharp."""
    if not recipe["thing"]:
        return _people(recipe, bodies, size, rng)
    camera = recipe["camera"]
    items = build_thing(recipe["subject"], recipe["thing"], recipe["detail"])
    target, side = _extent(items, camera)
    return items, target, side * 1.05 / camera["zoom"], target


def _people(
    recipe: dict[str, Any], bodies: Path, size: int, rng: np.random.Generator
) -> tuple[list[bpy.types.Object], np.ndarray, float, np.ndarray]:
    """Build the people; returns their objects, what the camera aims at, its height there, and an eye."""
    camera, shot = recipe["camera"], recipe["camera"]["shot"]
    items, eyes, tops = [], [], []
    double = len(recipe["people"]) > 1
    for k, (person, name) in enumerate(zip(recipe["people"], people_of(recipe))):
        height = FRAMING.get(shot, (2.1, 0))[0] * (1.25 if double else 1)
        made, body = build_person(bodies, name, person, recipe["detail"] + k, 0.24 / height * size)
        if person["pose"]["style"] == "sit" and rng.random() < 0.7:
            made += _seat(body, person, rng)
        move = Matrix.Identity(4)
        if double:
            yaw = math.radians(camera["yaw"])
            across = np.array([math.cos(yaw), math.sin(yaw), 0]) * (k - 0.5) * rng.uniform(0.45, 0.8)
            depth = np.array([-math.sin(yaw), math.cos(yaw), 0]) * rng.uniform(-0.3, 0.3)
            move = Matrix.Translation(across + depth) @ Matrix.Rotation(rng.normal(0, 0.5), 4, "Z")
        holder = add_object(f"person{k}", None)
        holder.matrix_world = move
        for item in made:
            item.parent = holder
        items += [*made, holder]
        carry = np.array(move)
        eyes.append(carry[:3, :3] @ body.eye + carry[:3, 3])
        tops.append(body.middle[body.on_body][:, 2].max())
    eye = np.mean(eyes, 0)
    if shot == "full":
        target, side = _extent([item for item in items if item.type != "EMPTY"], camera)
        height = side * 1.06
    else:
        height, below = FRAMING[shot]
        if double:
            height *= 1.25
        if max(tops) < 1.45:  # children and who sits are shown closer
            height *= 0.85
        target = eye - [0, 0, below]
    return items, target, height / camera["zoom"], np.array(eyes[int(rng.integers(len(eyes)))])


def _seat(body: Body, person: dict[str, Any], rng: np.random.Generator) -> list[bpy.types.Object]:
    """Put a chair under who sits."""
    color = person["clothes"]["accent"]
    frame, other = plain("chair", hsv(*color), 0.5), plain("seat", hsv(color[0] + 0.4, 0.4, 0.5), 0.6)
    hips = body.middle[body.on_body & body.owned("pelvis", "upperleg01")]
    seat = float(np.percentile(hips[:, 2], 4)) - 0.01
    items = add_chair(seat, frame, other, rng, int(rng.integers(3, 9)), 0.03, bool(rng.random() < 0.7))
    middle = hips.mean(0)
    bpy.context.view_layer.update()  # for the places of boxes that were only just made
    for item in items:
        item.matrix_world = Matrix.Translation((middle[0], middle[1], 0)) @ item.matrix_world
    return items


def blacken() -> None:
    """Leave only coverage of the scene: black before a white world, but for what is seen through.

    So a sample costs a third of one that looks at hair, and adaptive sampling sees what it is to see.
    """
    scene = bpy.context.scene
    material = Material("black")
    material.emission((0, 0, 0), 1.0)
    for item in scene.objects:
        if item.type == "LIGHT":
            item.hide_render = True
        for slot in item.material_slots:
            if not slot.material.name.startswith(("glass", "sheer")):
                slot.material = material.data
    world, background = _background()
    background.inputs[0].default_value = (1, 1, 1, 1)
    for ray in ("diffuse", "glossy", "transmission", "scatter"):
        setattr(world.cycles_visibility, ray, False)
    world.cycles.sampling_method = "NONE"
    scene.cycles.max_bounces = 0


def shoot(path: Path, samples: int, seed: int, *, color: bool, film: bool | None = None) -> None:
    """Render one pass to an EXR; colour is denoised, its film transparent unless `film` says otherwise."""
    scene = bpy.context.scene
    cycles = scene.cycles
    cycles.samples, cycles.seed, cycles.use_denoising = samples, seed, color
    cycles.use_adaptive_sampling = True
    cycles.adaptive_threshold = 0.06 if color else 0.012
    cycles.adaptive_min_samples = 8 if color else 24
    scene.render.film_transparent = color if film is None else film
    settings = scene.render.image_settings
    settings.color_mode, settings.color_depth = ("RGBA", "16") if color else ("BW", "32")
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


class Laps:
    """Seconds that steps took, by their names."""

    def __init__(self) -> None:
        self.took: dict[str, float] = {}
        self._clock = time.monotonic()

    def lap(self, name: str) -> None:
        """End a step."""
        now = time.monotonic()
        self.took[name], self._clock = now - self._clock, now


def render(
    recipe: dict[str, Any], bodies: Path, folder: Path, size: tuple[int, int], threads: int
) -> dict[str, float]:
    """Render both passes of a recipe; returns what took how many seconds."""
    laps = Laps()
    start(size, threads)
    build(recipe, bodies, size[1])
    laps.lap("build")
    name = f"{recipe['number']:05d}"
    sky(recipe["light"])
    shoot(folder / f"{name}.color.exr", COLOR_SAMPLES, 1, color=True)
    laps.lap("color")
    blacken()
    shoot(folder / f"{name}.cover.exr", COVER_SAMPLES, 2, color=False)
    laps.lap("cover")
    return laps.took


def serve(
    description: str,
    render: Callable[[dict[str, Any], Path, Path, tuple[int, int], int], dict[str, float]],
) -> None:
    """Run a renderer of recipes from the command line.

    Parameters
    ----------
    description : str
    render : callable
        Takes a recipe, the folders of bodies and of passes, a size and threads; returns seconds by step.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("recipes", type=Path)
    parser.add_argument("bodies", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, nargs=2, default=(512, 512), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    size = tuple(arguments.size)
    for recipe in json.loads(arguments.recipes.read_text(encoding="utf-8")):
        name = f"{recipe['number']:05d}"
        try:
            took = render(recipe, arguments.bodies, arguments.folder, size, arguments.threads)
        except Exception as error:  # one that fails must not end an unattended night
            traceback.print_exc()
            print(f"failed {name} {type(error).__name__}: {error}".replace("\n", " "), flush=True)
            continue
        print(f"rendered {name} " + " ".join(f"{k}={v:.1f}" for k, v in took.items()), flush=True)


if __name__ == "__main__":
    serve(__doc__.splitlines()[0], render)
