"""Some thousands of damaged files, the same each time; `python tests/fuzz/run.py` feeds more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fuzz.mutations import mutated
from fuzz.run import Tally, run
from fuzz.seeds import KINDS, make_seeds

RUN = Path(__file__).with_name("run.py")


def test_nothing_but_our_errors_comes_of_damaged_files(tmp_path: Path) -> None:
    command = [sys.executable, str(RUN), "--count", "3000", "--seed", "1", "--keep", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    lines = [line.split() for line in done.stdout.splitlines() if " inputs " in line]
    assert {line[0] for line in lines} == set(KINDS)
    for line in lines:  # neither is all refused, nor all accepted
        assert int(line[3]) > 0, line
        assert int(line[5]) > 0, line


@pytest.mark.parametrize("kind", ["png", "fit", "mov"])
def test_a_number_gives_the_same_input_again(tmp_path: Path, kind: str) -> None:
    seeds = make_seeds(kind, tmp_path)
    made = [mutated(kind, 1, number, seeds) for number in range(40)]
    assert made == [mutated(kind, 1, number, seeds) for number in range(40)]
    assert made[len(seeds) :] != [mutated(kind, 2, number, seeds) for number in range(len(seeds), 40)]
    assert len({content for _, content in made}) > 30


@pytest.mark.parametrize(
    ("does", "found"),
    [
        ("raise ZeroDivisionError", "ZeroDivisionError"),
        ("raise HowardError from MemoryError()", "memory"),
        ("import os; os.kill(os.getpid(), 11)", "died of SIGSEGV"),
        ("import time; time.sleep(60)", "hang"),
        ("(out / 'left').touch()", "left behind"),
        (
            "Path(OUTSIDE).touch()",
            "wrote outside",
        ),
        ("import subprocess; subprocess.run('true')", "wrote outside"),
    ],
)
def test_each_fault_is_found_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, found: str
) -> None:
    """With a target that goes wrong for one of its inputs, in place of Howard's own."""
    for name in ("broken", "seeds"):
        (tmp_path / name).mkdir()
    (tmp_path / "broken" / "sitecustomize.py").write_text(
        "import sys\n"
        "from pathlib import Path\n"
        f"sys.path[:0] = [{str(RUN.parents[1])!r}, {str(RUN.parents[2])!r}]\n"
        "if '--child' in sys.argv:\n"
        "    from fuzz import targets\n"
        "    from howard_nodes.errors import HowardError\n"
        "    usual, calls = targets.TARGETS['fit'], [0]\n"
        "    def target(path, out):\n"
        "        calls[0] += 1\n"
        "        if calls[0] != 5:\n"
        "            return usual(path, out)\n"
        f"        {does.replace('OUTSIDE', repr(str(tmp_path / 'outside')))}\n"
        "    targets.TARGETS['fit'] = target\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    monkeypatch.setattr("fuzz.run.HANG_SECONDS", 3.0)
    tally: Tally = run("fit", 1, 0, 12, tmp_path / "kept")
    assert tally.inputs == 12
    assert {what for what, _ in tally.faults} == {found}
    (kept,) = {Path(path) for path in tally.kept.values()}
    number = int(kept.name.split("-")[2])
    assert kept.read_bytes() == mutated("fit", 1, number, make_seeds("fit", tmp_path / "seeds"))[1]
