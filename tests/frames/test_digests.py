from __future__ import annotations

import hashlib
import os
import time

from howard_nodes.frames import digests
from howard_nodes.frames.digests import file_digest


def _content(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def test_it_is_the_contents_hash_and_follows_every_change(tmp_path):
    path = tmp_path / "a.exr"
    for text in (b"one", b"two", b"two and more", b"one"):
        path.write_bytes(text)
        assert file_digest(path) == _content(text)


def test_a_file_that_just_changed_is_read_every_time(tmp_path, monkeypatch):
    """Two writes within one tick of the clock leave equal times and sizes."""
    path = tmp_path / "a.exr"
    path.write_bytes(b"one")
    status = path.stat()
    assert file_digest(path) == _content(b"one")
    path.write_bytes(b"two")

    class Same:
        def __getattr__(self, name):
            return getattr(status, name)

    monkeypatch.setattr(digests.os, "fstat", lambda _: Same())
    assert file_digest(path) == _content(b"two")


def test_a_settled_file_is_read_once(tmp_path, monkeypatch):
    path = tmp_path / "a.exr"
    path.write_bytes(b"one")
    now = time.time()
    monkeypatch.setattr(digests.time, "time", lambda: now + 60)
    first = file_digest(path)
    monkeypatch.setattr(digests.hashlib, "file_digest", lambda *_: 1 / 0)
    assert file_digest(path) == first == _content(b"one")


def test_a_settled_file_that_is_replaced_is_read_again(tmp_path, monkeypatch):
    path, other = tmp_path / "a.exr", tmp_path / "b.exr"
    path.write_bytes(b"one")
    now = time.time()
    monkeypatch.setattr(digests.time, "time", lambda: now + 60)
    file_digest(path)
    other.write_bytes(b"two")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    assert file_digest(path) == _content(b"two")
