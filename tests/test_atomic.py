"""Small documents: whatever text they hold can be written, and what is no document is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howard_nodes.atomic import read_json, write_file
from howard_nodes.errors import InputError

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(values)
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = tmp_path_factory.mktemp("document") / "x.json"
    write_file(path, json.dumps(value, ensure_ascii=False))
    assert read_json(path) == value


def test_a_name_that_is_not_utf8_comes_back(tmp_path: Path) -> None:
    write_file(tmp_path / "x.json", json.dumps({"output": "B\udcfcro.exr"}, ensure_ascii=False))
    assert read_json(tmp_path / "x.json") == {"output": "B\udcfcro.exr"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"{" * 3, "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"1" * 10_000, "not JSON"),
    ],
)
def test_what_is_no_document_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(InputError, match=rf"x\.json: .*{said}.*; make it again\."):
        read_json(tmp_path / "x.json", "make it again")
