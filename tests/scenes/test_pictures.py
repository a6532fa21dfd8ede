"""The photographs for training: the list, and what is read from a real package; apt-get alone stands in."""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from howard_nodes.errors import InputError
from howard_nodes.samples.banks import TextureBank, list_pictures

sys.path.append(str(Path(__file__).parents[2] / "scenes"))

import pictures
from pictures import Package, Picture

PERMISSIVE = {"public domain", "CC0-1.0", "CC-BY-2.0", "CC-BY-3.0", "CC-BY-4.0"}


@pytest.fixture(scope="module")
def listed() -> list[Package]:
    return pictures.read_list()


def encode(suffix: str, width: int, height: int, channels: int = 3) -> bytes:
    ramp = np.linspace(0, 255, width * height * channels).reshape(height, width, channels).astype(np.uint8)
    return cv2.imencode(suffix, ramp)[1].tobytes()


def resource_file(name: str, content: bytes, *, flags: int = 0) -> bytes:
    """Lay one file in a folder `a` out as Qt's rcc does (version 3)."""
    names = b"".join(struct.pack(">HI", len(n), 0) + n.encode("utf-16-be") for n in ("a", name))
    nodes = (
        struct.pack(">IHIIQ", 0, 2, 1, 1, 0)
        + struct.pack(">IHIIQ", 0, 2, 1, 2, 0)
        + struct.pack(">IHHHIQ", 8, flags, 0, 0, 0, 0)
    )
    data = struct.pack(">I", len(content)) + content
    tree = 24
    header = struct.pack(">4s5I", b"qres", 3, tree, tree + len(nodes), tree + len(nodes) + len(data), 0)
    return header + nodes + data + names


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a Debian package of a photograph, a texture, and a photograph in a Qt resource file."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("no dpkg-deb here")
    root = tmp_path_factory.mktemp("package")
    share = root / "tree" / "usr" / "share"
    share.mkdir(parents=True)
    (share / "meadow.jpg").write_bytes(encode(".jpg", 4096, 1024))
    (share / "rock.png").write_bytes(encode(".png", 64, 64, 4))
    (share / "game.rcc").write_bytes(resource_file("cat.webp", encode(".webp", 80, 60)))
    control = root / "tree" / "DEBIAN" / "control"
    control.parent.mkdir()
    control.write_text("Package: demo\nVersion: 1\nArchitecture: all\nMaintainer: a\nDescription: a\n")
    subprocess.run(["dpkg-deb", "--build", root / "tree", root / "demo.deb"], check=True, capture_output=True)
    return root / "demo.deb"


@pytest.fixture
def demo(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """List that package; `apt-get download` finds it, as long as it is asked for version 1."""
    tools = tmp_path / "tools"
    tools.mkdir()
    tool = tools / "apt-get"
    tool.write_text(f'#!/bin/sh\n[ "$2" = demo=1 ] || {{ echo "E: no $2" >&2; exit 100; }}\ncp {archive} .\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    return Package(
        package="demo",
        version="1",
        sha256=hashlib.sha256(archive.read_bytes()).hexdigest(),
        licence_stated_in="copyright",
        pictures=(
            Picture("usr/share/meadow.jpg", "CC0-1.0", "Ann"),
            Picture("usr/share/rock.png", "CC-BY-3.0", "Bob"),
            Picture("usr/share/game.rcc/a/cat.webp", "public domain", "Cy", held_out=True),
        ),
    )


def test_every_listed_picture_has_a_permissive_licence_and_a_maker(listed):
    for package in listed:
        assert package.licence_stated_in
        for picture in package.pictures:
            assert picture.licence in PERMISSIVE, picture.file
            assert picture.by.strip(), picture.file


def test_no_two_pictures_of_the_list_share_a_file_name(listed):
    names = [package.name(picture) for package in listed for picture in package.pictures]
    assert len(set(names)) == len(names)


def test_about_one_listed_picture_in_seven_is_held_out(listed):
    held_out = [picture.held_out for package in listed for picture in package.pictures]
    assert 1 / 8 < sum(held_out) / len(held_out) < 1 / 5


def test_training_and_evaluation_get_pictures_that_the_bank_reads(demo, tmp_path):
    assert pictures.make_pictures([demo], tmp_path / "train", held_out=False) == 2
    assert pictures.make_pictures([demo], tmp_path / "test", held_out=True) == 1
    assert [p.name for p in sorted((tmp_path / "train").iterdir())] == [
        "ATTRIBUTION.md",
        "demo-share-meadow.jpg",
        "demo-share-rock.png",
    ]
    bank = TextureBank.load(list_pictures(tmp_path / "train"))
    assert [picture.shape for picture in bank.pictures] == [(512, 2048, 3), (64, 64, 3)]
    assert len(TextureBank.load(list_pictures(tmp_path / "test")).pictures) == 1
    assert not list(tmp_path.rglob("*.deb"))


def test_makers_are_named_beside_their_pictures(demo, tmp_path):
    pictures.make_pictures([demo], tmp_path / "train", held_out=False)
    text = (tmp_path / "train" / "ATTRIBUTION.md").read_text()
    assert "| demo-share-rock.png | Bob | CC-BY-3.0 |" in text
    assert "Cy" not in text


def test_only_what_is_missing_is_made(demo, tmp_path):
    pictures.make_pictures([demo], tmp_path, held_out=False)
    kept = tmp_path / "demo-share-meadow.jpg"
    before = kept.stat().st_mtime_ns
    (tmp_path / "demo-share-rock.png").unlink()
    assert pictures.make_pictures([demo], tmp_path, held_out=False) == 1
    assert kept.stat().st_mtime_ns == before
    gone = replace(demo, version="2")  # would fail if it were fetched
    assert pictures.make_pictures([gone], tmp_path, held_out=False) == 0


def test_a_package_that_is_not_the_listed_one_is_refused(demo, tmp_path):
    with pytest.raises(InputError, match=r"demo=1.*0000.*licences"):
        pictures.make_pictures([replace(demo, sha256="0000")], tmp_path, held_out=False)
    assert not list(tmp_path.glob("demo*"))


def test_a_package_that_cannot_be_had_is_named(demo, tmp_path):
    with pytest.raises(InputError, match=r"demo=2 cannot be fetched.*E: no demo=2"):
        pictures.make_pictures([replace(demo, version="2")], tmp_path, held_out=False)


@pytest.mark.parametrize("file", ["usr/share/lost.jpg", "usr/share/game.rcc/a/dog.webp"])
def test_a_listed_picture_that_the_package_lacks_is_named(archive, file):
    with pytest.raises(InputError, match=file.split("/a/")[-1]):
        list(pictures.unpack(archive, [Picture(file, "CC0-1.0", "Ann")]))


def test_a_broken_package_is_named(tmp_path):
    broken = tmp_path / "broken.deb"
    broken.write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"broken\.deb"):
        list(pictures.unpack(broken, [Picture("a.jpg", "CC0-1.0", "Ann")]))


def test_compressed_resources_are_left_out():
    assert pictures.qt_resources(resource_file("cat.webp", b"123")) == {"a/cat.webp": b"123"}
    assert pictures.qt_resources(resource_file("cat.webp", b"123", flags=1)) == {}


@pytest.mark.parametrize("content", [b"", b"RIFF" + bytes(40), resource_file("cat.webp", b"123")[:60]])
def test_what_is_no_resource_file_is_refused(content):
    with pytest.raises(InputError, match="Qt resource file"):
        pictures.qt_resources(content)


def test_what_is_no_picture_is_named():
    with pytest.raises(InputError, match=r"usr/share/meadow\.jpg"):
        pictures.recode(b"text", suffix=".jpg", what="usr/share/meadow.jpg")
