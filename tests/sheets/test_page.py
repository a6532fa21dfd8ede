from __future__ import annotations

import base64
import hashlib
import html.parser
import re
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from nights import plate_and_alpha, verify, write_result

from howard_nodes.color import ColorConfig
from howard_nodes.sheets.album import Album, choose_pictures, spread
from howard_nodes.sheets.page import PAGE_BYTES, Review, write_page
from howard_nodes.sheets.remarks import Remark

KINDS = ["missing", "corrupt", "failed", "different", "doubtful", "error", "jump"]


def picture_of(document, frame, name):
    data = base64.b64decode(document["pictures"][str(frame)][name])
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1] / 255.0


def test_every_kind_is_found_where_it_is_and_nowhere_else(page, document):
    said = document(page)
    assert {one["kind"]: one["frames"] for one in said["kinds"]} == {
        "missing": "1003",
        "corrupt": "1005",
        "failed": "1006",
        "different": "1012",
        "doubtful": "1007",
        "error": "1011",
        "jump": "1009",
    }
    assert said["counts"] == {
        "good": 5,
        "doubtful": 3,
        "different": 1,
        "failed": 1,
        "corrupt": 1,
        "missing": 1,
    }
    assert all(one["advice"] for one in said["kinds"])


def test_the_worst_come_first_with_their_reason_and_what_to_do(page, document):
    said = document(page)
    assert said["worst"][:4] == [1003, 1005, 1006, 1012]
    assert set(said["worst"][4:]) == {1007, 1009, 1011}
    (doubt,) = said["remarks"]["1007"]
    assert doubt["text"].startswith("parts are still 3.0 px apart")
    assert "shot from the same place" in doubt["advice"]
    assert said["remarks"]["1003"][0]["text"] == "shot.1003.exr: frame 1003 is missing"
    assert "settings two, most frames have one" in said["remarks"]["1012"][0]["text"]


def test_each_frame_that_is_there_has_its_pictures(page, document, result):
    said = document(page)
    assert set(map(int, said["pictures"])) == set(range(1001, 1013)) - {1003, 1005}
    assert set(said["pictures"]["1001"]) == {
        *("small_comp", "small_alpha"),
        *("comp", "alpha", "error", "plate"),
    }
    _, alpha = plate_and_alpha(1)
    shown = picture_of(said, 1002, "alpha")[..., 0]
    assert np.abs(shown - alpha).mean() < 0.02
    # The comp shows the subject as a display does, over grey.
    inside = picture_of(said, 1002, "comp")[alpha > 0.99].mean(axis=0)
    assert inside[0] > 0.85
    assert 0.75 < inside[1] < 0.85
    outside = picture_of(said, 1002, "comp")[alpha < 0.01]
    assert np.ptp(outside.mean(axis=0)) < 0.03
    assert picture_of(said, 1009, "alpha").max() < 0.05


def test_it_is_one_file_that_may_load_nothing(page):
    text = page.read_text(encoding="utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none'; img-src data: blob:")
    for tag, name in (("script", "script-src"), ("style", "style-src")):
        (own,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}'" in policy
    assert not re.search(r"(src|href|url)\s*[=(]\s*[\"']?(https?:)?//", text)


class Elements(html.parser.HTMLParser):
    """Counts elements, and takes down attributes that would run something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def test_names_and_messages_are_text(tmp_path, page):
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>".replace("/", "\u2215")
    output = tmp_path / f"{evil}@@DATA@@&amp;.####.exr"
    write_result(tmp_path / output.name.replace("####", "1001"), 0, fit="failed: </script><script>alert(3)")
    write_result(tmp_path / output.name.replace("####", "1003"), 2, fit="doubtful: <!--<script>")
    made = tmp_path / "page.html"
    assert verify(output, "--frames", "1001-1003", "--page", made) == 1
    text = made.read_text(encoding="utf-8")
    mine, other = Elements(text), Elements(page.read_text(encoding="utf-8"))
    # As many of each as on any page, items of the plain list apart.
    assert [tag for tag in mine.tags if tag != "li"] == [tag for tag in other.tags if tag != "li"]
    assert mine.handlers == []
    assert "alert(3)" in text
    assert "<script>alert" not in text
    assert "<!--" not in text


def test_two_versions(page_of_two, document):
    said = document(page_of_two)
    assert said["before"]["counts"]["failed"] == 1
    assert said["before"]["better"] == "1001-1002"
    assert said["before"]["worse"] == "1003,1005-1007,1009,1011-1012"
    apart = {row[0]: row[5] for row in said["shot"]}
    assert apart[1001] == 0
    assert apart[1002] > 0.02
    assert apart[1003] is None
    assert {"before_comp", "before_alpha"} <= set(said["pictures"]["1002"])


def test_png_a_layer_a_file(tmp_path, document):
    from howard_nodes.frames import write_image

    for frame in (1, 2):
        plate, alpha = plate_and_alpha(frame)
        files = {"": np.dstack([plate.clip(0, 1), alpha]), "_alpha": alpha[..., None]}
        for layer, pixels in files.items():
            names = "RGBA" if pixels.shape[2] == 4 else "A"
            space = "srgb_rec709_scene" if pixels.shape[2] == 4 else None
            path = tmp_path / f"shot{layer}.{frame:04}.png"
            write_image(path, pixels, names, depth="uint16", colorspace=space)
    made = tmp_path / "page.html"
    assert verify(tmp_path / "shot.####.png", "--page", made) == 0
    said = document(made)
    assert said["counts"]["good"] == 2
    assert np.abs(picture_of(said, 1, "alpha")[..., 0] - plate_and_alpha(1)[1]).mean() < 0.02
    assert "comp" in said["pictures"]["2"]


def test_a_plate_that_is_not_there_is_said_and_the_page_made(tmp_path, result, document, capsys):
    made = tmp_path / "page.html"
    assert verify(result.output, "--frames", "1001-1002", "--page", made, "--plate", "nowhere.####.exr") == 0
    assert "The plate is not shown. nowhere.####.exr" in capsys.readouterr().err
    said = document(made)
    assert "nowhere" in said["notes"][0]
    assert "plate" not in said["pictures"]["1001"]


def test_options_of_the_page_need_it(result, capsys):
    assert verify(result.output, "--before", result.output) == 2
    assert "--before is for the page: add --page FILE" in capsys.readouterr().err


def test_a_page_is_replaced_as_a_whole(tmp_path, result):
    (tmp_path / "page.html").write_text("old")
    verify(result.output, "--frames", "1001", "--page", tmp_path / "page.html")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def views(album: Album, noise: float) -> list:
    """A few frames of 16:9 as they are seen, with edges and grain."""
    from howard_nodes.sheets.album import FrameView, _jpeg, _webp

    random = np.random.default_rng(3)
    width, height = album.sizes.large, album.sizes.large * 9 // 16
    made = []
    for step in range(8):
        _, alpha = plate_and_alpha(4.0 * step)
        alpha = cv2.resize(alpha, (width, height), interpolation=cv2.INTER_CUBIC)
        blocks = (
            random.random((height // 12 + 1, width // 12 + 1, 3)).repeat(12, 0).repeat(12, 1)[:height, :width]
        )
        comp = blocks * 0.6 + noise * random.standard_normal((height, width, 3))
        comp, alpha = ((np.clip(one, 0, 1) * 255).astype(np.uint8) for one in (comp, alpha))
        small = {"comp": _webp(comp, album.sizes.small), "alpha": _webp(alpha, album.sizes.small)}
        large = {name: _jpeg(one) for name, one in (("comp", comp), ("alpha", alpha), ("error", alpha))}
        made.append(FrameView(small, large, np.float32(alpha[::8, ::8] / 255), 0.01, "error"))
    return made


@pytest.mark.parametrize(("count", "noise"), [(1000, 0.01), (1000, 0.4), (2500, 0.01)])
def test_a_thousand_frames_are_less_than_ten_megabytes(tmp_path, document, count, noise):
    frames = tuple(range(1001, 1001 + count))
    config = ColorConfig.load(None)
    reviews = []
    for _ in range(2):
        album = Album(frames, config)
        seen = views(album, noise)
        for frame in frames:
            album.keep(frame, seen[frame % 8], float(frame % 9 == 0))
        assert len(album.large) <= 300
        found = [Remark(frame, "doubtful", "parts are still 3.0 px apart " * 4) for frame in frames[::9]]
        reviews.append(Review("shot.####.exr", frames, album, found))
    for one in (reviews[:1], reviews):
        began = time.perf_counter()
        write_page(tmp_path / "page.html", *one)
        size = (tmp_path / "page.html").stat().st_size
        assert size <= PAGE_BYTES < 10_000_000
        assert time.perf_counter() - began < 10
        said = document(tmp_path / "page.html")
        large = [frame for frame, mine in said["pictures"].items() if "comp" in mine]
        small = [frame for frame, mine in said["pictures"].items() if "small_comp" in mine]
        assert len(large) >= (20 if noise < 0.1 else 2)
        assert len(small) >= (1000 if noise < 0.1 and len(one) == 1 else 120)


def test_frames_are_spread_evenly():
    frames = tuple(range(1001, 1101))
    order = spread(frames)
    assert sorted(order) == list(frames)
    assert max(np.diff(sorted(order[:16]))) <= 13


def test_a_budget_is_kept():
    wanted = [(frame, name, bytes(3000)) for frame in (1, 2, 3) for name in ("comp", "alpha")]
    chosen = choose_pictures(wanted, 13_000)
    assert {frame: set(mine) for frame, mine in chosen.items()} == {1: {"comp", "alpha"}, 2: {"comp"}}
    assert choose_pictures(wanted, 0) == {}


def test_what_it_is_made_of_ships():
    import howard_nodes.sheets

    folder = Path(howard_nodes.sheets.__file__).parent
    assert {path.suffix for path in folder.glob("page.*")} == {".py", ".html", ".css", ".js"}
