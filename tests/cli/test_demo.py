from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from howard_nodes.color import ColorConfig
from howard_nodes.errors import InputError, WriteError
from howard_nodes.sheets.contact_sheet import Tile, contact_sheet, for_display, write_sheet


def test_demo_of_one_frame(howard, weights, tmp_path):
    ended = howard(
        *(
            "demo",
            "-o",
            tmp_path / "demo",
            "--weights",
            weights,
            "--frames",
            "1004",
            "--device",
            "cpu",
            "--json",
        )
    )
    assert ended.code == 0, ended.err
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == [
        "contact_sheet.png",
        "shot.1004.exr",
    ]
    told = json.loads(ended.out.splitlines()[-1])
    sheet = cv2.imread(str(tmp_path / "demo" / "contact_sheet.png"))
    assert told == {"event": "contact_sheet", "path": str(tmp_path / "demo" / "contact_sheet.png")}
    assert sheet.shape[1] > 1800
    assert sheet.std() > 20


def test_tiles_are_where_they_belong():
    white, red = np.ones((30, 40), np.float32), np.zeros((30, 40, 3), np.float32)
    red[..., 0] = 1.0
    sheet = contact_sheet(
        [Tile("White", white), Tile("Red", red, "a note"), Tile("White", white)], columns=2, tile_width=40
    )
    assert sheet.dtype == np.uint8
    whites = np.argwhere((sheet == 255).all(axis=2))
    reds = np.argwhere((sheet == (255, 0, 0)).all(axis=2))
    assert len(reds) == 30 * 40
    assert len(whites) == 2 * 30 * 40
    assert whites[:, 1].min() < reds[:, 1].min()
    assert whites[:, 0].max() > reds[:, 0].max()


def test_no_tiles():
    with pytest.raises(InputError, match="at least one"):
        contact_sheet([])


def test_highlights_are_told_apart_and_grey_is_grey():
    config = ColorConfig.load("howard")
    light = np.array([0.18, 1.0, 5.0, 50.0], np.float32)
    shown = for_display(np.repeat(light[None, :, None], 3, axis=2), "ACEScg", config)
    assert shown[0, 0, 1] == pytest.approx(0.461, abs=2e-3)
    assert (np.diff(shown[0, :, 1]) > 0).all()
    assert shown.max() <= 1.0


def test_a_sheet_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WriteError, match="sheet.png"):
        write_sheet(tmp_path / "file" / "sheet.png", np.zeros((4, 4, 3), np.uint8))
    assert [path.name for path in Path(tmp_path).iterdir()] == ["file"]
