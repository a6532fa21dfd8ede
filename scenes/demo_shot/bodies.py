# SPDX-License-Identifier: Apache-2.0
"""Pose the person of the demo shot: a head that turns, frame by frame, with the shutter's two ends.

Needs torch, anny (code Apache-2.0, the data used here CC0) and roma.

    python scenes/demo_shot/bodies.py WORK/person.npz
"""

from __future__ import annotations

import argparse
from pathlib import Path

import anny
import numpy as np
import roma
import torch

FRAMES = 8
SHUTTER = 0.5
PHENOTYPE = {
    "gender": 0.95,
    "age": 0.64,
    "muscle": 0.45,
    "weight": 0.42,
    "height": 0.55,
    "proportions": 0.85,
    "african": 0.55,
    "asian": 0.15,
    "caucasian": 0.3,
}


def read_groups(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Read texture coordinates and quads (4 vertices, 4 texture indices) by group from the base mesh."""
    coordinates: list[list[float]] = []
    groups: dict[str, list[list[int]]] = {}
    group = ""
    for line in path.read_text().splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "vt":
            coordinates.append([float(words[1]), float(words[2])])
        elif words[0] == "g":
            group = words[1]
        elif words[0] == "f" and not group.startswith("joint"):
            pairs = [word.split("/") for word in words[1:]]
            pairs = pairs + pairs[-1:] * (4 - len(pairs))
            groups.setdefault(group, []).append([int(p[k]) - 1 for k in (0, 1) for p in pairs])
    return np.array(coordinates, np.float32), {k: np.array(v, np.int32) for k, v in groups.items()}


def smooth(t: float) -> float:
    """Ease in and out over the shot, t in frames."""
    u = np.clip((t + 1.5) / (FRAMES + 1.0), 0, 1)
    return float(u * u * (3 - 2 * u))


def pose(t: float) -> tuple[dict[str, np.ndarray], float]:
    """Rotation vectors by bone in degrees at time t in frames, and the head's yaw."""
    s = smooth(t)
    body = 20 - 4 * s
    turn = 10 - 8 * s  # on top of the body
    bones: dict[str, np.ndarray] = {}
    for name in ("spine04", "spine03", "spine02"):
        bones[name] = np.array([0.5, 0.0, body / 3])
    for name, share in (("neck01", 0.25), ("neck02", 0.3), ("head", 0.45)):
        bones[name] = np.array([-4.0 * share + 3 * s * share, 5.0 * share, turn * share])
    gaze = -0.55 * (body + turn)
    for side in "LR":
        bones[f"eye.{side}"] = np.array([1.0, 0.0, gaze])
        sign = 1 if side == "L" else -1
        bones[f"upperarm01.{side}"] = np.array([-4.0 + 3 * sign, sign * 41.0, 0.0])
        bones[f"clavicle.{side}"] = np.array([0.0, sign * 2.0, 0.0])
    return bones, body + turn


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    model = anny.Anny(topology="makehuman", facial_actions="all", skinning_method="lbs", phenotypes="all")
    model = model.to(dtype=torch.float32)
    index = {name: k for k, name in enumerate(model.bone_labels)}
    uv, groups = read_groups(Path(anny.__file__).parent / "data/mpfb2/3dobjs/base.obj")
    unit = torch.eye(4)[None, None].repeat(1, model.bone_count, 1, 1)
    rest = model(pose_parameters=unit, phenotype_kwargs=PHENOTYPE)
    weights = torch.zeros(rest["vertices"].shape[1], model.bone_count)
    weights.scatter_add_(1, model.vertex_bone_indices.long(), model.vertex_bone_weights.float())

    face = {"cheekSquint": 0.35, "mouthSmile": 0.58, "eyeSquint": 0.15, "eyeBlink": 0.1, "mouthDimple": 0.1}
    actions = {f"{key}{side}": value for key, value in face.items() for side in ("Left", "Right")}
    actions |= {"browInnerUp": 0.12, "jawOpen": 0.02}

    def at(t: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        bones, _ = pose(t)
        transforms = unit.clone()
        for name, degrees in bones.items():
            vector = torch.tensor(np.radians(degrees), dtype=torch.float32)
            transforms[0, index[name], :3, :3] = roma.rotvec_to_rotmat(vector)
        result = model(pose_parameters=transforms, phenotype_kwargs=PHENOTYPE, facial_actions=actions)
        bone = result["bone_poses"][0]
        return result["vertices"][0].numpy(), bone[index["head"]].numpy(), bone[index["neck01"]].numpy()

    half = SHUTTER / 2
    keys = [[at(frame + shift) for shift in (-half, 0.0, half)] for frame in range(FRAMES)]
    # Hair follows the head like a damped spring: what it lags behind, in degrees.
    lag, speed, lags = 0.0, 0.0, []
    steps = 40
    for k in range(-8 * steps, FRAMES * steps):
        t = k / steps
        yaw = pose(t)[1]
        before = pose(t - 1 / steps)[1]
        speed += (-0.9 * lag - 1.2 * speed) / steps
        lag += speed / steps + (yaw - before)
        if k >= 0 and k % steps == 0:
            lags.append(lag)
    bone = rest["bone_poses"][0]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        arguments.output,
        uv=uv,
        bones=np.array(model.bone_labels),
        owner=weights.argmax(1).numpy(),
        rest=rest["vertices"][0].numpy(),
        vertices=np.array([[key[0] for key in frame] for frame in keys]),
        head=np.array([[key[1] for key in frame] for frame in keys]),
        neck=np.array([[key[2] for key in frame] for frame in keys]),
        head_rest=bone[index["head"]].numpy(),
        neck_rest=bone[index["neck01"]].numpy(),
        lag=np.array(lags),
        textures=str(Path(anny.__file__).parent / "data/mpfb2/textures"),
        **{f"group_{name}": quads for name, quads in groups.items()},
    )
    print(f"{FRAMES} frames, hair lags {np.round(lags, 2).tolist()} degrees")


if __name__ == "__main__":
    main()
