# SPDX-License-Identifier: GPL-3.0-or-later
"""The person of the demo shot in Blender: skin, curls that lag behind the head, a mohair pullover."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector
from mathutils.bvhtree import BVHTree
from room import Material, add_mesh, add_strands

EYE_HEIGHT = 1.47
SKIN = np.array([0.43, 0.205, 0.118])
WOOL = np.array([0.56, 0.285, 0.045])


@dataclass
class Figure:
    """What bodies.py made, for one frame; lengths in metres."""

    path: Path
    frame: int
    textures: Path = field(init=False)

    def __post_init__(self):
        """Load the arrays and put the eyes at EYE_HEIGHT."""
        data = np.load(self.path)
        self.uv = data["uv"]
        self.groups = {k[6:]: data[k] for k in data.files if k.startswith("group_")}
        self.owner = np.array([str(b) for b in data["bones"]])[data["owner"]]
        self.rest = data["rest"].astype(float)
        self.textures = Path(str(data["textures"]))
        vertices = data["vertices"].astype(float)
        left, right = (np.unique(self.groups[f"helper-{s}-eye"][:, :4]) for s in "lr")
        self.eyes = (left, right)
        height = (vertices[0, 1][left].mean(0) + vertices[0, 1][right].mean(0)) / 2
        self.shift = np.array([-height[0] - 0.02, -height[1], EYE_HEIGHT - height[2]])
        self.open, self.middle, self.close = vertices[self.frame] + self.shift
        move = np.eye(4)
        move[:3, 3] = self.shift
        self.head = [move @ m @ np.linalg.inv(data["head_rest"]) for m in data["head"][self.frame]]
        self.neck = [move @ m @ np.linalg.inv(data["neck_rest"]) for m in data["neck"][self.frame]]
        self.lag = float(data["lag"][self.frame])
        self.body = self.groups["body"]
        on_body = np.zeros(len(self.rest), bool)
        on_body[np.unique(self.body[:, :4])] = True
        self.on_head = on_body & self.owned("head", "neck", "eye")
        center = (self.rest[left].mean(0) + self.rest[right].mean(0)) / 2
        skull = self.rest[self.on_head & (self.rest[:, 2] > center[2] - 0.01)]
        self.center = np.array([0, (skull[:, 1].min() + skull[:, 1].max()) / 2, center[2]])
        self.crown = skull[:, 2].max() - center[2]

    def owned(self, *prefixes: str) -> np.ndarray:
        """Which vertices belong mainly to bones with these names."""
        return np.array([name.startswith(prefixes) for name in self.owner])

    def mask(self, name: str) -> np.ndarray:
        """One of the body's grey texture masks."""
        image = bpy.data.images.load(str(self.textures / name), check_existing=True)
        pixels = np.array(image.pixels[:]).reshape(image.size[1], image.size[0], -1)
        return pixels[..., 0]

    def masked(self, name: str, quads: np.ndarray, least: float) -> np.ndarray:
        """Which quads lie where a mask is above a level."""
        picture = self.mask(name)
        height, width = picture.shape
        where = self.uv[quads[:, 4:]].mean(1)
        y = np.clip((where[:, 1] * height).astype(int), 0, height - 1)
        x = np.clip((where[:, 0] * width).astype(int), 0, width - 1)
        return picture[y, x] > least


def normals(vertices, quads):
    """Vertex normals of a quad mesh."""
    result = np.zeros_like(vertices)
    face = np.cross(
        vertices[quads[:, 1]] - vertices[quads[:, 0]], vertices[quads[:, 2]] - vertices[quads[:, 0]]
    )
    for k in range(4):
        np.add.at(result, quads[:, k], face)
    return unit(result)


def unit(vectors):
    """Scale vectors to length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def scatter(rng, vertices, quads, count):
    """Pick points on quads by area; returns a function that interpolates any per-vertex array there."""
    a, b, c, d = (vertices[quads[:, k]] for k in range(4))
    area = np.linalg.norm(np.cross(c - a, d - b), axis=1)
    pick = quads[rng.choice(len(quads), count, p=area / area.sum()), :4]
    s, t = rng.random((2, count, 1))

    def interpolate(values):
        v = [values[pick[:, k]] for k in range(4)]
        return (1 - s) * (1 - t) * v[0] + s * (1 - t) * v[1] + s * t * v[2] + (1 - s) * t * v[3]

    return interpolate


def wander(rng, count, steps):
    """Random walks that start at 0 and end about 1 away."""
    walk = np.cumsum(rng.normal(0, 1, (count, steps, 3)), 1)
    return (walk - walk[:, :1]) / np.sqrt(steps)


def moving_mesh(figure, name, quads, offset, material, levels=1):
    """Make a mesh with the shutter's two ends as a shape key; offset pushes it along its normals."""
    used, inverse = np.unique(quads[:, :4], return_inverse=True)
    faces = inverse.reshape(-1, 4)
    places = []
    for vertices in (figure.middle, figure.close):
        normal = normals(vertices, quads[:, :4])
        places.append((vertices + normal * np.reshape(offset, (-1, 1) if np.ndim(offset) else (1, 1)))[used])
    triangle = faces[:, 2] == faces[:, 3]
    item = add_mesh(
        name, places[0], [f[:3] if t else f for f, t in zip(faces.tolist(), triangle)], material, smooth=True
    )
    mesh = item.data
    corners = np.concatenate([q[:3] if t else q for q, t in zip(quads[:, 4:], triangle)])
    mesh.uv_layers.new(name="UVMap").data.foreach_set("uv", figure.uv[corners].astype(np.float32).ravel())
    rest = mesh.attributes.new("rest", "FLOAT_VECTOR", "POINT")
    rest.data.foreach_set("vector", figure.rest[used].astype(np.float32).ravel())
    item.shape_key_add(name="middle")
    key = item.shape_key_add(name="close")
    key.data.foreach_set("co", places[1].astype(np.float32).ravel())
    key.slider_min, key.slider_max = -4, 4
    for frame, value in ((0, -4.0), (1, 0.0), (2, 4.0)):  # a frame is four times half the shutter
        key.value = value
        key.keyframe_insert("value", frame=frame)
    linear(mesh.shape_keys)
    if levels:
        modifier = item.modifiers.new("smooth", "SUBSURF")
        modifier.levels = modifier.render_levels = levels
    return item, used


def linear(owner):
    """Make an owner's animation run straight from key to key."""
    action = owner.animation_data.action
    for curve in action.fcurves:
        for key in curve.keyframe_points:
            key.interpolation = "LINEAR"


def ride(item, matrices):
    """Let an object follow a bone: the matrices at shutter open, middle, close; the shutter is 0.5."""
    item.rotation_mode = "QUATERNION"
    opened, middle, closed = (Matrix(m.tolist()) for m in matrices)
    rotation = middle.to_quaternion()
    for frame, end in ((0, opened), (1, middle), (2, closed)):  # a frame is four times half the shutter
        step = end.to_quaternion() @ rotation.inverted()
        item.location = middle.translation + (end.translation - middle.translation) * 4
        item.rotation_quaternion = step @ step @ step @ step @ rotation
        item.keyframe_insert("location", frame=frame)
        item.keyframe_insert("rotation_quaternion", frame=frame)
    linear(item)


def skin_material(figure):
    """Skin: mottled, redder lips and lids, a little light passing through."""
    m = Material("skin")

    def mask(name):
        image = bpy.data.images.load(str(figure.textures / name), check_existing=True)
        image.colorspace_settings.name = "Non-Color"
        node = m.node("ShaderNodeTexImage", image=image)
        m.link(m.node("ShaderNodeUVMap", uv_map="UVMap").outputs[0], node.inputs[0])
        return node.outputs[0]

    def noise(scale, **inputs):
        node = m.node("ShaderNodeTexNoise")
        where = m.node("ShaderNodeAttribute", attribute_name="rest")
        m.link(where.outputs["Vector"], node.inputs["Vector"])
        node.inputs["Scale"].default_value = scale
        for key, value in inputs.items():
            node.inputs[key].default_value = value
        return node.outputs[0]

    broad, middle, fine = noise(14.0, Detail=4.0), noise(70.0, Detail=6.0), noise(650.0, Detail=3.0)
    color = m.mix(m.ramp(broad, (0.4, 0), (0.65, 1)), SKIN * [0.95, 0.98, 1.03], SKIN * [1.07, 0.97, 0.9])
    color = m.mix(m.ramp(middle, (0.45, 0), (0.75, 0.5)), color, SKIN * [0.85, 0.76, 0.72])
    color = m.mix(mask("mpfb_lips.jpg"), color, SKIN * [0.92, 0.55, 0.6])
    color = m.mix(mask("mpfb_inside-mouth.jpg"), color, (0.2, 0.04, 0.04))
    lids = m.node("ShaderNodeMath", operation="MULTIPLY")
    m.link(mask("mpfb_eyelids.jpg"), lids.inputs[0])
    lids.inputs[1].default_value = 0.4
    color = m.mix(lids.outputs[0], color, SKIN * [0.55, 0.42, 0.42])
    rough = m.ramp(middle, (0.35, 0.38), (0.7, 0.56))
    shader = m.principled(color, rough, 0.45, Subsurface_Weight=0.3, Subsurface_Scale=0.012)
    shader.inputs["Subsurface Radius"].default_value = (1.0, 0.35, 0.2)
    height = m.mix(0.5, fine, middle)
    m.bump(shader, height, 0.16, 0.0012)
    return m.data


def add_eyes(figure):
    """Eyes with an iris painted by angle from the gaze."""
    for side, used_eye in zip("lr", figure.eyes):
        m = Material("eye")
        where = m.node("ShaderNodeAttribute", attribute_name="angle")
        iris = np.array([0.055, 0.022, 0.008])
        color = m.ramp(
            where.outputs["Fac"],
            (0, 0.002),
            (0.2, 0.003),
            (0.23, iris * 1.4),
            (0.42, iris * 0.5),
            (0.47, (0.42, 0.38, 0.36)),
            (1, (0.48, 0.40, 0.38)),
        )
        m.principled(color, 0.06, 0.45, Coat_Weight=0.1, Coat_Roughness=0.02)
        item, used = moving_mesh(figure, "eye", figure.groups[f"helper-{side}-eye"], 0.0, m.data)
        ray = unit(figure.rest[used] - figure.rest[used_eye].mean(0))
        angle = np.degrees(np.arccos(np.clip(ray @ np.array([0, -1.0, 0]), -1, 1))) / 60
        item.data.attributes.new("angle", "FLOAT", "POINT").data.foreach_set(
            "value", angle.astype(np.float32)
        )


def hair_material(name, melanin, redness, roughness):
    """Hair by pigment."""
    m = Material(name)
    shader = m.node("ShaderNodeBsdfHairPrincipled", parametrization="MELANIN")
    for key, value in {
        "Melanin": melanin,
        "Melanin Redness": redness,
        "Roughness": roughness,
        "Radial Roughness": 0.35,
        "Random Color": 0.25,
        "Random Roughness": 0.1,
    }.items():
        shader.inputs[key].default_value = value
    m.link(shader.outputs[0], m.output.inputs[0])
    return m.data


def add_face_hair(figure, rng):
    """Brows and lashes, on the posed face."""
    dark = hair_material("brow", 0.88, 0.3, 0.4)
    quads = figure.body[:, :4]
    normal = normals(figure.middle, quads)
    center = figure.rest[quads].mean(1)
    s = np.linspace(0, 1, 5)[None, :, None]
    for eye in figure.eyes:
        place = figure.rest[eye].mean(0)
        size = np.linalg.norm(figure.rest[eye] - place, axis=1).max()
        side = np.sign(place[0])

        def arch(x, size=size):
            return size * (1.45 + 0.25 * np.cos((x / size - 0.4) * 0.9))

        def band(points, place=place, side=side, size=size, wide=0.34):
            x = (points[:, 0] - place[0]) * side
            inside = np.abs(points[:, 2] - place[2] - arch(x)) < size * wide * np.clip(
                1.15 - 0.42 * x / size, 0.3, 1
            )
            return x, inside & (x > -1.3 * size) & (x < 1.75 * size) & (points[:, 1] < place[1] + 0.9 * size)

        near = (np.abs(center[:, 2] - place[2] - arch((center[:, 0] - place[0]) * side)) < size * 0.5) & (
            np.abs(center[:, 0] - place[0]) < 2 * size
        )
        near &= center[:, 1] < place[1] + 0.9 * size
        at = scatter(rng, figure.rest, quads[near], 1200)
        x, keep = band(at(figure.rest), wide=0.2)
        root, up, x = at(figure.middle)[keep], at(normal)[keep], x[keep] / size
        count = len(root)
        flow = np.stack(
            [
                side * np.clip(0.3 + 0.35 * (x + 1.2), 0.2, 1),
                np.zeros(count),
                np.clip(0.7 - 0.3 * (x + 1.2), -0.15, 1),
            ],
            1,
        )
        flow = unit((flow @ figure.head[1][:3, :3].T) + up * 0.22 + rng.normal(0, 0.12, (count, 3)))
        strand = (
            root[:, None]
            + up[:, None] * 0.0006 * s
            + flow[:, None] * s * rng.uniform(0.004, 0.0075, (count, 1, 1))
        )
        add_strands("brow", strand, np.full((count, 5), 0.00005) * np.array([1, 1, 0.9, 0.7, 0.2]), dark)
    for side, eye in zip("lr", figure.eyes):
        middle = figure.middle[eye].mean(0)
        for part, count in (("1", 55), ("2", 150)):
            strip = figure.groups[f"helper-{side}-eyelashes-{part}"][:, :4]
            far = np.linalg.norm(figure.middle[strip] - middle, axis=2)
            order = np.argsort(far, 1)
            root = np.take_along_axis(strip, order[:, :2], 1)
            tip = np.take_along_axis(strip, order[:, 2:], 1)
            # The tip that faces a root is the nearer one.
            a = np.linalg.norm(figure.middle[tip[:, 0]] - figure.middle[root[:, 0]], axis=1)
            b = np.linalg.norm(figure.middle[tip[:, 1]] - figure.middle[root[:, 0]], axis=1)
            tip = np.where((a > b)[:, None], tip[:, ::-1], tip)
            pick = rng.integers(len(strip), size=count)
            t = rng.random((count, 1))
            start = figure.middle[root[pick, 0]] * (1 - t) + figure.middle[root[pick, 1]] * t
            end = figure.middle[tip[pick, 0]] * (1 - t) + figure.middle[tip[pick, 1]] * t
            reach = (end - start) * rng.uniform(0.9, 1.7, (count, 1)) + rng.normal(0, 0.0006, (count, 3))
            curl = (
                np.array([0, 0, 1.0])
                * (1 if part == "2" else -1)
                * np.linalg.norm(reach, axis=1, keepdims=True)
                * 0.45
            )
            strand = start[:, None] + reach[:, None] * s + curl[:, None] * s**2
            add_strands("lash", strand, np.full((count, 5), 0.00009) * np.array([1, 1, 0.8, 0.5, 0.1]), dark)


def grow_guides(figure, rng, count=850, steps=26, length=0.2):
    """Grow guide hairs on the head at rest: up and out first, then down, never into the body."""
    rest, center, crown = figure.rest, figure.center, figure.crown
    quads = figure.body[:, :4]
    q = (rest - center) / crown
    azimuth = np.degrees(np.arctan2(np.abs(q[:, 0]), -q[:, 1]))
    line = np.interp(
        azimuth, [0, 25, 55, 75, 95, 115, 140, 180], [0.62, 0.60, 0.48, 0.18, 0.08, -0.2, -0.55, -0.66]
    )
    scalp = ((q[:, 2] > line) & figure.on_head)[quads].mean(1) > 0.7
    scalp &= ~figure.masked("mpfb_ears.jpg", figure.body, 0.25)
    field_quads = quads[scalp]
    normal = normals(rest, quads)
    tree = BVHTree.FromPolygons([Vector(v) for v in rest], [tuple(f) for f in quads.tolist()])
    at = scatter(rng, rest, field_quads, count)
    root, up = at(rest), unit(at(normal))
    where = (root - center) / crown
    parting = 0.28
    flow = np.stack(
        [
            np.tanh((where[:, 0] - parting) / 0.35) * np.where(where[:, 2] > 0, 1, 0.4),
            np.full(count, 0.5),
            np.full(count, -0.1),
        ],
        1,
    )
    front = np.clip((-where[:, 1] - 0.2) / 0.6, 0, 1)
    own_length = length * (1 - 0.3 * front) * rng.uniform(0.9, 1.1, count)
    points = np.zeros((count, steps, 3))
    points[:, 0] = root
    heading = up.copy()
    layer = rng.random(count)
    step = own_length / (steps - 1)
    for i in range(1, steps):
        s = (i * step)[:, None]
        pull = heading * 1.3 + up * 1.5 * np.exp(-s / 0.055) + flow * 0.9 * np.exp(-s / 0.09)
        pull += np.array([0, 0, -1.0]) * 0.85 * np.minimum(1, s / 0.07) + rng.normal(0, 0.16, (count, 3))
        heading = unit(pull)
        place = points[:, i - 1] + heading * step[:, None]
        for k in range(count):
            hit, hit_normal, _, _ = tree.find_nearest(Vector(place[k]), 0.08)
            if hit is None:
                continue
            margin = 0.022 * (0.3 + 1.4 * layer[k]) * min(1, i / 4)
            if (Vector(place[k]) - hit).dot(hit_normal) < margin:
                place[k] = np.array(hit) + np.array(hit_normal) * margin
        heading = unit(place - points[:, i - 1])
        points[:, i] = points[:, i - 1] + heading * step[:, None]
    return field_quads, normal, root, points - points[:, :1]


def resample(strands, steps):
    """Sample strands (N, K, 3) at more points."""
    old = strands.shape[1]
    u = np.linspace(0, old - 1, steps)
    low = np.minimum(u.astype(int), old - 2)
    part = (u - low)[None, :, None]
    return strands[:, low] * (1 - part) + strands[:, low + 1] * part


def add_curls(figure, seed=11, count=26000, steps=44):
    """Grow a head of curls: ringlets with frizz around them and flyaways."""
    rng = np.random.default_rng(seed)
    field_quads, normal, guide_root, guide = grow_guides(figure, rng)
    guide = resample(guide, steps)
    at = scatter(rng, figure.rest, field_quads, count)
    root, up = at(figure.rest), unit(at(normal))

    ringlets = 460
    seeds = rng.choice(count, ringlets, replace=False)
    member = np.empty(count, int)
    nearest = np.empty((count, 3), int)
    weight = np.empty((count, 3))
    for a in range(0, count, 2000):
        part = slice(a, a + 2000)
        distance = ((root[part, None] - guide_root[None]) ** 2).sum(-1)
        nearest[part] = np.argpartition(distance, 3, 1)[:, :3]
        weight[part] = 1 / (np.take_along_axis(distance, nearest[part], 1) + 2e-5)
        member[part] = ((root[part, None] - root[seeds][None]) ** 2).sum(-1).argmin(1)
    weight /= weight.sum(1, keepdims=True)
    offset = (guide[nearest] * weight[:, :, None, None]).sum(1)
    own = root[:, None] + offset
    s = np.linspace(0, 1, steps)[None, :, None]

    # A ringlet's members gather around its seed's strand, each keeping a little of its own place.
    loose = rng.random(count) < 0.22
    gather = (
        np.where(loose, rng.uniform(0.1, 0.5, count), rng.uniform(0.8, 0.95, count))[:, None, None]
        * np.minimum(1, s * 3.5) ** 0.8
    )
    leader = own[seeds][member] + wander(rng, ringlets, steps)[member] * 0.012
    spread = (root - root[seeds][member])[:, None] * 0.3
    strands = own * (1 - gather) + (leader + spread) * gather

    # Helix around the leader, in a frame carried along the ringlet.
    along = unit(np.gradient(own[seeds], axis=1))
    side = unit(np.cross(along, unit(rng.normal(0, 1, (ringlets, 1, 3)))))
    other = np.cross(along, side)
    turns = rng.uniform(4.5, 7.5, ringlets)
    radius = rng.uniform(0.0055, 0.0095, ringlets)
    handed = rng.choice([-1.0, 1.0], ringlets)
    phase = rng.uniform(0, 6.28, ringlets)[member] + rng.normal(0, np.where(loose, 1.2, 0.38), count)
    own_turns = (turns * handed)[member] * (1 + rng.normal(0, np.where(loose, 0.15, 0.025), count))
    theta = 2 * np.pi * own_turns[:, None] * s[..., 0] + phase[:, None]
    grow = np.minimum(1, s[..., 0] * 5) * radius[member][:, None] * rng.uniform(0.75, 1.2, (count, 1))
    strands = (
        strands
        + (grow * np.cos(theta))[..., None] * side[member]
        + (grow * np.sin(theta))[..., None] * other[member]
    )
    frizz = np.where(loose, 0.011, 0.0025)[:, None, None] * np.abs(rng.normal(0, 1, (count, 1, 1)))
    strands = strands + wander(rng, count, steps) * frizz
    flying = rng.random(count) < 0.012
    number = int(flying.sum())
    lift = (
        unit(up[flying] + rng.normal(0, 0.5, (number, 3)))[:, None]
        * s
        * rng.uniform(0.01, 0.06, (number, 1, 1))
    )
    strands[flying] += lift + wander(rng, number, steps) * 0.028
    # Ends are not all of a length.
    length = np.clip(rng.normal(0.93, 0.07, count), 0.5, 1.0)
    u = np.linspace(0, 1, steps)[None] * length[:, None] * (steps - 1)
    low = np.minimum(u.astype(int), steps - 2)
    rows = np.arange(count)[:, None]
    part = (u - low)[..., None]
    strands = strands[rows, low] * (1 - part) + strands[rows, low + 1] * part

    # The ends trail behind the head's turn, and sway on their own a little.
    trail = -np.radians(figure.lag) * (s[..., 0] ** 1.3) * rng.normal(1.0, 0.25, ringlets)[member][:, None]
    local = strands - figure.center
    cos, sin = np.cos(trail), np.sin(trail)
    strands = (
        np.stack(
            [
                cos * local[..., 0] - sin * local[..., 1],
                sin * local[..., 0] + cos * local[..., 1],
                local[..., 2],
            ],
            -1,
        )
        + figure.center
    )
    width = rng.uniform(0.00004, 0.000065, (count, 1)) * (1 - 0.7 * np.linspace(0, 1, steps)[None] ** 3)
    hair = add_strands("curls", strands, width, hair_material("curls", 0.74, 0.55, 0.3))
    ride(hair, figure.head)


def wool_material():
    """Knitted wool."""
    m = Material("wool")
    where = m.node("ShaderNodeAttribute", attribute_name="rest")

    def wave(direction, scale, distort):
        node = m.node("ShaderNodeTexWave", bands_direction=direction)
        node.inputs["Scale"].default_value = scale
        node.inputs["Distortion"].default_value = distort
        node.inputs["Detail"].default_value = 2.0
        node.inputs["Detail Scale"].default_value = 3.0
        m.link(where.outputs["Vector"], node.inputs["Vector"])
        return node.outputs["Fac"]

    noise = m.node("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value = 160.0
    noise.inputs["Detail"].default_value = 4.0
    m.link(where.outputs["Vector"], noise.inputs["Vector"])
    rows, columns = wave("Z", 40.0, 1.5), wave("X", 28.0, 1.0)
    knit = m.mix(0.5, rows, columns)
    knit = m.mix(0.3, knit, noise.outputs[0])
    color = m.mix(m.ramp(knit, (0.2, 0), (0.7, 1)), WOOL * 0.45, WOOL * 1.1)
    shader = m.principled(color, 0.95, 0.1, Sheen_Weight=0.25)
    m.bump(shader, knit, 0.9, 0.006)
    return m.data


def fuzz_material():
    """Make the fibres that stand off the wool."""
    m = Material("fuzz")
    shader = m.node("ShaderNodeBsdfHairPrincipled", parametrization="COLOR")
    shader.inputs["Color"].default_value = (*np.minimum(WOOL * 1.25, 1), 1)
    shader.inputs["Roughness"].default_value = 0.55
    m.link(shader.outputs[0], m.output.inputs[0])
    return m.data


def add_pullover(figure, seed=23, fibres=30000):
    """Dress the figure in a mohair pullover with a rolled collar."""
    rng = np.random.default_rng(seed)
    tights = figure.groups["helper-tights"]
    worn = figure.owned(
        "spine",
        "clavicle",
        "shoulder",
        "pelvis",
        "root",
        "breast",
        "upperarm",
        "lowerarm01",
        "neck01",
        "upperleg01",
    )
    quads = tights[worn[tights[:, :4]].all(1)]
    wool = wool_material()
    item, _ = moving_mesh(figure, "pullover", quads, 0.011, wool, levels=2)
    folds = bpy.data.textures.new("folds", "CLOUDS")
    folds.noise_scale, folds.noise_depth = 0.13, 1
    modifier = item.modifiers.new("folds", "DISPLACE")
    modifier.texture, modifier.strength, modifier.mid_level, modifier.texture_coords = (
        folds,
        0.012,
        0.4,
        "GLOBAL",
    )

    # The collar: two rolls around the neck, from the neck's own section.
    neck = figure.on_head & figure.owned("neck")
    ring = figure.rest[neck]
    low, high = ring[:, 2].min(), ring[:, 2].max()
    base = low + 0.2 * (high - low)
    around = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    axis = ring[np.abs(ring[:, 2] - (low + high) / 2) < 0.02][:, :2].mean(0)
    local = ring[:, :2] - axis
    angle = np.arctan2(local[:, 1], local[:, 0])
    far = np.linalg.norm(local, axis=1)
    near = np.abs(ring[:, 2] - (low + 0.55 * (high - low))) < 0.035
    radius = np.array(
        [np.average(far[near], weights=np.exp(8 * (np.cos(angle[near] - a) - 1))) for a in around]
    )
    profile = [
        (0.006, -0.034),
        (0.019, -0.022),
        (0.015, -0.006),
        (0.022, 0.01),
        (0.021, 0.036),
        (0.013, 0.047),
        (0.004, 0.043),
        (0.001, 0.02),
    ]
    vertices, faces = [], []
    count = len(around)
    for out, up in profile:
        tilt = 0.012 * np.sin(around)  # higher at the nape
        r = radius + 0.002 + out
        vertices += list(zip(axis[0] + r * np.cos(around), axis[1] + r * np.sin(around), base + up + tilt))
    for k in range(len(profile) - 1):
        faces += [
            (
                k * count + i,
                k * count + (i + 1) % count,
                (k + 1) * count + (i + 1) % count,
                (k + 1) * count + i,
            )
            for i in range(count)
        ]
    collar = add_mesh("collar", vertices, faces, wool, smooth=True)
    rest = collar.data.attributes.new("rest", "FLOAT_VECTOR", "POINT")
    rest.data.foreach_set("vector", np.array(vertices, np.float32).ravel())
    smooth = collar.modifiers.new("smooth", "SUBSURF")
    smooth.levels = smooth.render_levels = 2
    ride(collar, figure.neck)

    s = np.linspace(0, 1, 7)[None, :, None]

    def fibre(root, up):
        number = len(root)
        heading = unit(up + rng.normal(0, 0.75, (number, 3)))
        length = rng.gamma(4.0, 0.0023, (number, 1, 1))
        strand = root[:, None] + heading[:, None] * s * length + wander(rng, number, 7) * length * 0.35
        return strand - np.array([0, 0, 0.25]) * length * s**2

    fuzz = fuzz_material()
    shrunk = normals(figure.middle, quads[:, :4])
    upper = quads[figure.rest[quads[:, :4]][..., 2].mean(1) > base - 0.45]
    at = scatter(rng, figure.middle, upper, fibres)
    strands = fibre(at(figure.middle + shrunk * 0.011), unit(at(shrunk)))
    add_strands("fuzz", strands, np.full((fibres, 7), 0.00003) * np.linspace(1, 0.3, 7), fuzz)
    places = np.array(vertices)
    around_quads = np.array(faces)
    at = scatter(rng, places, around_quads, fibres // 8)
    strands = fibre(at(places), unit(at(normals(places, around_quads))))
    item = add_strands(
        "collar fuzz", strands, np.full((fibres // 8, 7), 0.00003) * np.linspace(1, 0.3, 7), fuzz
    )
    ride(item, figure.neck)


def build_person(path: Path, frame: int):
    """Build the person of one frame (0-based); returns the objects made, and the eyes' middle."""
    before = set(bpy.context.scene.objects)
    figure = Figure(path, frame)
    covered = figure.owned(
        "spine", "clavicle", "shoulder", "pelvis", "root", "breast", "upperarm", "upperleg", "lowerarm01"
    )
    quads = figure.body[:, :4]
    for _ in range(2):  # keep skin near the hems
        edge = quads[(~covered[quads]).any(1)]
        covered[edge.ravel()] = False
    moving_mesh(figure, "body", figure.body, np.where(covered, -0.012, 0.0), skin_material(figure))
    add_eyes(figure)
    teeth = Material("teeth")
    teeth.principled((0.6, 0.52, 0.43), 0.25)
    for name in ("helper-upper-teeth", "helper-lower-teeth"):
        moving_mesh(figure, "teeth", figure.groups[name], 0.0, teeth.data)
    add_face_hair(figure, np.random.default_rng(5))
    add_curls(figure)
    add_pullover(figure)
    eyes = (figure.middle[figure.eyes[0]].mean(0) + figure.middle[figure.eyes[1]].mean(0)) / 2
    return [item for item in bpy.context.scene.objects if item not in before], eyes


__all__ = ["Figure", "build_person"]
