"""Make docs/clean_plate.jpg: the demo shot as a shaky camera would have taken it, half a stop brighter.

python tools/clean_plate_sheet.py docs/clean_plate.jpg
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from howard_nodes.color import ColorConfig
from howard_nodes.description import FitSettings
from howard_nodes.description.job import Job
from howard_nodes.frames import read_frame, write_image
from howard_nodes.sheets.contact_sheet import Tile, contact_sheet, for_display
from howard_nodes.sheets.demo import shot_folder
from howard_nodes.shot.run import run

FRAME, STOPS = 1004, 0.5
SPACE = "lin_rec709_scene"


def shaken(picture: np.ndarray) -> np.ndarray:
    """Move a picture by 14 pixels, turn it by 0.8 degrees, make it brighter."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0.8, 1.012)
    matrix[:, 2] += 12, -7
    moved = cv2.warpAffine(
        picture, matrix, (width, height), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT
    )
    return np.maximum(moved, 0) * np.float32(2**STOPS)


def main(output: Path) -> None:
    """Write the sheet."""
    shot, config = shot_folder(), ColorConfig.load("howard")
    plate = shaken(read_frame(shot / f"plate.{FRAME}.exr").rgb)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_image(folder / "plate.exr", plate, "RGB", colorspace=SPACE)
        layers = {}
        for kind, how in {"off": FitSettings("off", "off"), "auto": FitSettings()}.items():
            made = folder / f"{kind}.exr"
            run(
                Job(
                    plate=str(folder / "plate.exr"),
                    clean_plate=str(shot / "clean.exr"),
                    output=str(made),
                    layers=("alpha", "clean", "difference"),
                    fitting=how,
                    ocio="howard",
                )
            )
            layers[kind] = {
                layer: read_frame(made, layer=layer).pixels for layer in ("alpha", "clean", "difference")
            }

    def seen(picture: np.ndarray) -> np.ndarray:
        return for_display(np.ascontiguousarray(picture[..., :3]), SPACE, config)

    off, auto = layers["off"], layers["auto"]
    tiles = [
        Tile("Plate", seen(plate), "14 px and half a stop away from the clean plate"),
        Tile("Difference", seen(off["difference"]), "clean plate as it was shot"),
        Tile("Alpha", off["alpha"][..., 0], "--align off --match-exposure off"),
        Tile("Fitted clean plate", seen(auto["clean"]), "moved and matched"),
        Tile("Difference", seen(auto["difference"]), "clean plate fitted"),
        Tile("Alpha", auto["alpha"][..., 0], "automatic"),
    ]
    sheet = contact_sheet(tiles)
    cv2.imwrite(str(output), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
