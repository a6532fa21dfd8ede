"""The pages beside the README say what is true."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tools"))

from cli_page import page  # noqa: E402

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("scenes/*.md")])


def test_the_page_of_the_command_line_is_current():
    assert (ROOT / "docs/cli.md").read_text(encoding="utf-8") == page(), (
        "run: python tools/cli_page.py > docs/cli.md"
    )


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_page_that_is_pointed_to_is_there(path):
    for target in re.findall(r"\]\((?!https?:)([^)#\s]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


def test_the_readme_is_short_enough_to_be_read():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_files_that_a_page_names_are_there(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"`((?:howard_nodes|blender_addon|scenes|tests|tools|docs)/[\w/.]*)`", text):
        assert (ROOT / target).exists(), target
