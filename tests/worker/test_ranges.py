"""The plan for a range that kills the compute process, against one that is simulated and dies in all ways.

`test_crashes.py` has real ones.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howard_nodes.frames import expected_frames, format_frames, parse_frames
from howard_nodes.worker.protocol import Code, RequestError
from howard_nodes.worker.ranges import Crashed, RangeRun
from howard_nodes.worker.requests import Session, evaluation

FRAMES = tuple(range(1001, 1009))


class Simulated:
    """Does what the compute process does, as seen from outside; and dies as it is told to."""

    def __init__(self, *, unreadable=(), unworkable=(), missing=(), once=0, depth=3, network=True):
        self.unreadable, self.unworkable, self.missing = set(unreadable), set(unworkable), set(missing)
        self.once, self.depth, self.network = once, depth, network
        self.made: list[int] = []
        self.fits: dict[int, tuple[int, ...]] = {}
        self.deaths = 0

    def __call__(self, method, params, see):
        return getattr(self, method)(params, see)

    def warm(self, _params, _see):
        if not self.network:
            self._die()
        return {}

    def read(self, params, see):
        for frame in parse_frames(params["frames"]):
            see({"event": "reading", "frame": frame})
            self._touch(frame)
        return {}

    def evaluate(self, params, see):
        options = params["options"]
        there = [frame for frame in FRAMES if frame not in self.missing]
        frames = parse_frames(options["frames"]) if options["frames"] else expected_frames(there)
        present = [frame for frame in frames if frame not in self.missing]
        if not present:
            raise RequestError(Code.REFUSED, f"none of the frames {options['frames']} is there")
        self._touch(present[0])
        self.warm(params, see)
        see({"event": "started", "frames": format_frames(frames), "total": len(frames)})
        if options["fit"] is not None:
            fit = tuple(json.loads(Path(options["fit"]).read_text()))
        elif params["knobs"]["align"] != "off":
            for frame in present:
                self._touch(frame)
                see({"event": "frame_fitted", "frame": frame})
            fit = tuple(present)
        else:
            fit = ()
        if fit:
            see({"event": "plates_fitted", "summary": f"{len(fit)} frames"})
            if options["report"]:
                temporary = Path(options["report"] + ".new")
                temporary.write_text(json.dumps(fit))
                temporary.replace(options["report"])
        working = []
        for frame in frames:
            see({"event": "frame_started", "frame": frame})
            if frame in self.missing:
                see({"event": "frame_failed", "frame": frame, "message": f"frame {frame}: no such file"})
                continue
            self._touch(frame)
            working.append(frame)
            if self.once and frame == self.once:
                self.once = 0
                self._die()
            if len(working) >= self.depth:
                self._finish(working.pop(0), fit, see)
        for frame in working:
            self._finish(frame, fit, see)
        done = format_frames(present)
        see({"event": "finished", "done": done, "skipped": "", "failed": "", "seconds": 1.0})
        return {}

    def _finish(self, frame, fit, see):
        if frame in self.unworkable:
            self._die()
        self.made.append(frame)
        self.fits[frame] = fit
        see(
            {
                "event": "frame_done",
                "frame": frame,
                "paths": [f"{frame}.exr"],
                "seconds": 1.0,
                "skipped": False,
            }
        )

    def _touch(self, frame):
        if frame in self.unreadable:
            self._die()

    def _die(self):
        self.deaths += 1
        raise Crashed("signal SIGSEGV")


def _run(simulated, folder, align="auto", **options):
    params = {
        "inputs": {"plate": str(folder / "plate.####.exr"), "clean_plate": "clean.exr"},
        "output": "o.####.exr",
    }
    for frame in set(FRAMES) - simulated.missing:
        (folder / f"plate.{frame}.exr").touch()
    match = "off" if align == "off" else "auto"
    knobs = {"align": align, "match_exposure": match}
    request = evaluation(params | {"knobs": knobs, "options": options}, Session())
    events = []
    return RangeRun(request, simulated, events.append, folder).run(), events


few = st.sets(st.sampled_from(FRAMES), max_size=3)


@given(
    unreadable=few,
    unworkable=few,
    missing=few,
    once=st.sampled_from((0, *FRAMES)),
    depth=st.integers(1, 4),
    align=st.sampled_from(["auto", "off"]),
    frames=st.sampled_from([None, "1001-1008"]),
)
def test_whatever_dies_of_its_own_is_failed_and_all_else_is_made(
    tmp_path_factory, unreadable, unworkable, missing, once, depth, align, frames
):
    folder = tmp_path_factory.mktemp("run")
    unreadable, unworkable = unreadable - missing, unworkable - missing
    simulated = Simulated(
        unreadable=unreadable, unworkable=unworkable, missing=missing, once=once, depth=depth
    )
    result, events = _run(simulated, folder, align, frames=frames)
    asked = set(FRAMES) if frames else set(expected_frames(set(FRAMES) - missing))
    bad = (unreadable | unworkable | missing) & asked
    assert parse_frames(result["done"]) == tuple(sorted(asked - bad))
    assert {int(frame) for frame in result["failed"]} == bad
    assert sorted(simulated.made) == sorted(asked - bad)
    kinds = [event["event"] for event in events]
    assert kinds.count("started") <= 1
    assert kinds.count("plates_fitted") <= 1
    assert kinds.count("finished") == 1
    assert kinds[-1] == "finished"
    ends = [event["frame"] for event in events if event["event"] in ("frame_done", "frame_failed")]
    assert sorted(ends) == sorted(asked)
    assert result["files"] == [f"{frame}.exr" for frame in sorted(asked - bad)]
    assert len(set(simulated.fits.values())) <= 1


def test_a_network_that_cannot_be_loaded_is_not_blamed_on_frames(tmp_path):
    simulated = Simulated(network=False)
    with pytest.raises(RequestError, match="loads the network") as caught:
        _run(simulated, tmp_path)
    assert caught.value.code == Code.CRASHED
    assert simulated.deaths == 3


def test_a_clean_plate_that_cannot_be_read_ends_it_soon(tmp_path):
    simulated = Simulated(unreadable=range(1001, 1101))
    with pytest.raises(RequestError, match="any frame") as caught:
        _run(simulated, tmp_path, frames="1001-1100")
    assert "clean plate" in caught.value.data["remedy"]
    assert simulated.deaths < 12


def test_a_fit_that_dies_of_no_frame_is_given_up_with_a_remedy(tmp_path):
    simulated = Simulated()
    fit = simulated.evaluate

    def dies_of_fitting(params, see):
        fit(params, lambda event: simulated._die() if event["event"] == "plates_fitted" else see(event))

    simulated.evaluate = dies_of_fitting
    with pytest.raises(RequestError, match="before any frame was started") as caught:
        _run(simulated, tmp_path)
    assert "align" in caught.value.data["remedy"]
    assert caught.value.data["done"] == ""
    assert simulated.deaths == 3


def test_an_old_report_is_not_taken_for_this_fit(tmp_path):
    report = tmp_path / "report.json"
    report.write_text(json.dumps([1]))
    simulated = Simulated(unreadable=[1002])
    result, _ = _run(simulated, tmp_path, report=str(report))
    assert list(result["failed"]) == ["1002"]
    assert set(simulated.fits.values()) == {(1001, *FRAMES[2:])}
    assert json.loads(report.read_text()) == [1001, *FRAMES[2:]]


def test_a_given_fit_is_kept_and_its_report_is_that_of_all_frames(tmp_path):
    fit, report = tmp_path / "fit.json", tmp_path / "report.json"
    fit.write_text(json.dumps(FRAMES))
    simulated = Simulated(unworkable=[1003])
    result, _ = _run(simulated, tmp_path, fit=str(fit), report=str(report))
    assert list(result["failed"]) == ["1003"]
    assert set(simulated.fits.values()) == {FRAMES}
    assert json.loads(report.read_text()) == list(FRAMES)
