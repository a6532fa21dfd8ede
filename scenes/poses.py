# SPDX-License-Identifier: Apache-2.0
"""Pose the bodies of recipes: skin, helper surfaces for clothes, and bones, at two ends of a movement.

Runs in a Python of its own that has torch, anny (code Apache-2.0, the data used CC0) and roma:

    python scenes/poses.py RECIPES.json FOLDER

RECIPES.json holds a list of recipes; FOLDER gets ``topology.npz`` and one ``NNNNN.K.npz`` for each person.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import anny
import numpy as np
import roma
import torch

sys.path.append(str(Path(__file__).parent / "demo_shot"))

from bodies import read_groups
from recipe import people_of

__all__ = ["Poser", "pose"]

Turns = dict[str, np.ndarray]


class Poser:
    """Rotation vectors by bone, in degrees about the axes of the world at rest: it faces -Y, Z is up."""

    def __init__(self, at: dict[str, np.ndarray]) -> None:
        self.at = at
        self.turns: Turns = {}

    def add(self, bone: str, vector) -> None:
        """Turn a bone further."""
        self.turns[bone] = self.turns.get(bone, np.zeros(3)) + np.asarray(vector, float)

    def arm(self, side: str, down: float, forward: float, elbow: float, twist: float = 0.0) -> None:
        """Set an arm: 40 down hangs, -90 points up; forward lifts it to the front; elbow bends."""
        sign = 1 if side == "L" else -1
        self.turns[f"upperarm01.{side}"] = np.array([-forward, sign * down, sign * twist], float)
        upper = self.at[f"lowerarm01.{side}"] - self.at[f"upperarm01.{side}"]
        lower = self.at[f"wrist.{side}"] - self.at[f"lowerarm01.{side}"]
        self.turns[f"lowerarm01.{side}"] = _about(np.cross(upper, lower), elbow)

    def leg(self, side: str, lift: float, knee: float, out: float = 0.0) -> None:
        """Set a leg: lift brings the thigh forward, knee bends the shin back, out spreads."""
        sign = 1 if side == "L" else -1
        self.turns[f"upperleg01.{side}"] = np.array([-lift, -sign * out, 0.0])
        self.turns[f"lowerleg01.{side}"] = np.array([knee, 0.0, 0.0])

    def hand(self, side: str, curl: float, spread: float) -> None:
        """Bend the fingers towards the palm and fan them out."""
        root = {f: self.at[f"finger{f}-1.{side}"] for f in "2345"}
        along = {f: self.at[f"finger{f}-2.{side}"] - root[f] for f in "2345"}
        normal = np.cross(along["3"], root["2"] - root["5"])
        inward = np.array([-0.6 if side == "L" else 0.6, 0, -1.0])
        for f, share in zip("2345", (1.0, 0.3, -0.4, -1.1)):
            bend = _about(np.cross(along[f], inward), curl)
            for joint in "123":
                self.add(f"finger{f}-{joint}.{side}", bend)
            self.add(f"finger{f}-1.{side}", _about(normal, share * spread))
        self.add(f"finger1-1.{side}", _about(normal, 1.4 * spread))


def _about(axis: np.ndarray, degrees: float) -> np.ndarray:
    return axis / max(float(np.linalg.norm(axis)), 1e-9) * degrees


def pose(person: dict[str, Any], at: dict[str, np.ndarray]) -> tuple[Turns, Turns]:
    """Draw a person's pose.

    Parameters
    ----------
    person : dict
        Of a recipe.
    at : dict
        Where the bones are at rest.

    Returns
    -------
    tuple of dict
        Turns by bone in the middle of the shutter and where the movement ends.
    """
    rng = np.random.default_rng(person["pose"]["detail"])
    style = person["pose"]["style"]

    def about(middle: float, spread: float) -> float:
        return float(rng.normal(middle, spread))

    body = Poser(at)
    one, other = rng.permutation(["L", "R"])
    for side in "LR":
        body.arm(side, about(39, 4), about(0, 7), 12 + abs(about(0, 12)))
        body.leg(side, about(2, 3), abs(about(0, 5)), about(2, 4))
    if style == "hips":
        for side in "LR":
            body.arm(side, about(17, 4), about(-22, 4), about(78, 5), -20)
    elif style == "wave":
        body.arm(one, about(-38, 14), about(12, 10), about(70, 18))
    elif style == "arms up":
        for side in "LR":
            body.arm(side, about(-75, 18), about(8, 14), abs(about(15, 20)))
    elif style == "hand at head":
        for side in (one, other)[: int(rng.integers(1, 3))]:
            body.arm(side, about(-40, 6), about(35, 6), about(118, 6))
    elif style == "crossed":
        for side in "LR":
            body.arm(side, 34, about(22, 5), about(84, 6), -12)
    elif style == "hands before body":
        for side in "LR":
            body.arm(side, about(32, 7), about(22, 14), 45 + abs(about(0, 28)), about(-6, 8))
    elif style == "point":
        body.arm(one, about(5, 22), about(62, 22), abs(about(5, 8)))
    elif style in ("walk", "run"):
        reach, knee = (rng.uniform(14, 28), 12) if style == "walk" else (rng.uniform(30, 55), 55)
        for side, sign in ((one, 1), (other, -1)):
            body.leg(side, sign * reach, 6 + (knee if sign < 0 else knee * 0.25), about(1, 1.5))
            swing, bend = (0.9, 14) if style == "walk" else (1.0, 75)
            body.arm(side, 38, -sign * reach * swing, bend + abs(about(0, 8)))
    elif style == "sit":
        for side in "LR":
            body.leg(side, about(82, 5), about(80, 12), 4 + abs(about(0, 7)))
            body.arm(side, about(36, 5), about(28, 10), 35 + abs(about(0, 18)))
    elif style == "dance":
        for side in "LR":
            body.arm(
                side, rng.uniform(-85, 42), rng.uniform(-20, 60), rng.uniform(0, 110), rng.uniform(-15, 15)
            )
            body.leg(side, rng.uniform(-20, 45), rng.uniform(0, 60), rng.uniform(-2, 28))
    bend = 3.0 if style in ("dance", "run") else 1.0
    for bone in ("spine04", "spine02"):
        body.add(bone, rng.normal(0, 3, 3) * bend)
    tilt = rng.normal(0, 1, 3) * [4, 4, 8]
    for bone in ("neck01", "neck02", "head"):
        body.add(bone, tilt)
    for side in "LR":
        body.add(f"wrist.{side}", rng.normal(0, 1, 3) * [14, 12, 10])
        if person["pose"]["spread"]:
            body.hand(side, abs(about(2, 5)), rng.uniform(6, 16))
        else:
            body.hand(side, 8 + abs(about(0, 20)), rng.uniform(-1, 3))
    if person["prop"]:
        body.arm(one, about(34, 8), about(30, 16), about(62, 18))
        body.hand(one, 38, 0)
        person["pose"]["holds"] = str(one)
    end = Poser(at)
    end.turns = {bone: turn.copy() for bone, turn in body.turns.items()}
    swing = person["pose"]["swing"]
    for side in "LR":
        share = rng.uniform(0, 1)
        end.add(f"upperarm01.{side}", rng.normal(0, 0.6, 3) * swing * share)
        end.add(f"lowerarm01.{side}", rng.normal(0, 1, 3) * swing * share)
    return body.turns, end.turns


def _face(rng: np.random.Generator, names: set[str]) -> dict[str, float]:
    smile = float(rng.choice([0, 0.2, 0.6, 0.9]))
    levels = {"mouthSmile": smile, "cheekSquint": smile * 0.4, "eyeBlink": abs(rng.normal(0, 0.12))}
    levels["browDown"] = abs(rng.normal(0, 0.15))
    actions = {f"{name}{side}": float(level) for name, level in levels.items() for side in ("Left", "Right")}
    actions |= {
        "jawOpen": max(0.0, float(rng.normal(0, 0.15))),
        "browInnerUp": abs(float(rng.normal(0, 0.2))),
    }
    return {name: min(1.0, level) for name, level in actions.items() if name in names}


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    recipes = json.loads(arguments.recipes.read_text(encoding="utf-8"))
    model = anny.Anny(topology="makehuman", facial_actions="all", skinning_method="lbs", phenotypes="all")
    model = model.to(dtype=torch.float32)
    index = {name: k for k, name in enumerate(model.bone_labels)}
    data = Path(anny.__file__).parent / "data" / "mpfb2"
    uv, groups = read_groups(data / "3dobjs" / "base.obj")
    unit = torch.eye(4)[None, None].repeat(1, model.bone_count, 1, 1)
    weights = torch.zeros(len(model.vertex_bone_indices), model.bone_count)
    weights.scatter_add_(1, model.vertex_bone_indices.long(), model.vertex_bone_weights.float())
    arguments.folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        arguments.folder / "topology.npz",
        uv=uv,
        bones=np.array(model.bone_labels),
        owner=weights.argmax(1).numpy(),
        textures=str(data / "textures"),
        **{f"group_{name}": quads for name, quads in groups.items()},
    )
    names = set(model.facial_action_labels)
    for recipe in recipes:
        for person, name in zip(recipe["people"], people_of(recipe)):
            rest = model(pose_parameters=unit, phenotype_kwargs=person["phenotype"])
            bones = rest["bone_poses"][0].numpy()
            at = {bone: bones[k, :3, 3] for bone, k in index.items()}
            face = _face(np.random.default_rng(person["pose"]["detail"] + 1), names)
            ends = []
            for turns in pose(person, at):
                transforms = unit.clone()
                for bone, degrees in turns.items():
                    vector = torch.tensor(np.radians(degrees), dtype=torch.float32)
                    transforms[0, index[bone], :3, :3] = roma.rotvec_to_rotmat(vector)
                ends.append(
                    model(
                        pose_parameters=transforms,
                        phenotype_kwargs=person["phenotype"],
                        facial_actions=face,
                    )
                )
            np.savez(
                arguments.folder / f"{name}.npz",
                rest=rest["vertices"][0].numpy(),
                bones_rest=bones,
                middle=ends[0]["vertices"][0].numpy(),
                close=ends[1]["vertices"][0].numpy(),
                bones=ends[0]["bone_poses"][0].numpy(),
                holds=person["pose"].get("holds", ""),
            )


if __name__ == "__main__":
    main()
