"""A shot as a bundle: what Open Job Description's own tools make of it, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from farm.conftest import PLAIN, surroundings
from hypothesis import given
from hypothesis import strategies as st
from openjd.model import IntRangeExpr
from shots import gradient

from howard_nodes.description.job import Job
from howard_nodes.errors import InputError
from howard_nodes.farm import Bundle, Farming, Requirements, make_bundle
from howard_nodes.farm.bundle import openjd_command
from howard_nodes.farm.making import _expression
from howard_nodes.frames import parse_frames, write_image


@pytest.fixture
def job(make_shot, random_weights, tmp_path) -> Job:
    shot = make_shot(6, folder=tmp_path / "it's a shot, größer")
    return Job(
        plate=shot.plate,
        clean_plate=shot.clean,
        output=str(shot.folder / "out/shot.####.exr"),
        weights=str(random_weights),
        device="cpu",
    )


def values(bundle: Bundle) -> dict[str, object]:
    document = yaml.safe_load((bundle.folder / "parameter_values.yaml").read_text(encoding="utf-8"))
    return {one["name"]: one["value"] for one in document["parameterValues"]}


def openjd(*arguments: object, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "openjd", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=surroundings(),
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_a_bundle_holds(job, tmp_path):
    bundle = make_bundle(job, tmp_path / "job", Farming(chunk=4, cores=3, memory=2000))
    assert "passes validation" in openjd("check", bundle.folder / "template.yaml")
    assert bundle == Bundle.load(tmp_path / "job")
    assert bundle.name == "shot matte"
    assert bundle.output == job.output
    fit, matte, verify = bundle.steps
    assert [step.name for step in bundle.steps] == ["Fit", "Matte", "Verify"]
    assert (fit.needs, matte.needs, verify.needs) == ((), ("Fit",), ("Matte",))
    assert [task.frames for task in matte.tasks] == [(1001, 1002, 1003), (1004, 1005, 1006)]
    assert [len(step.tasks) for step in (fit, verify)] == [1, 1]
    assert matte.requirements == Requirements(cores=3, memory=2000)
    assert matte.seconds is not None
    assert matte.seconds > 4 * 60
    assets = yaml.safe_load((bundle.folder / "asset_references.yaml").read_text(encoding="utf-8"))
    references = assets["assetReferences"]
    folder = Path(job.plate).parent
    assert set(references["inputs"]["filenames"]) == {
        *(str(folder / f"plate.{frame}.exr") for frame in range(1001, 1007)),
        *(job.clean_plate, job.weights, str(folder / "out/shot.job.json")),
    }
    assert references["outputs"]["directories"] == [str(folder / "out")]


@pytest.mark.parametrize(
    ("changed", "steps", "gpus"),
    [
        ({}, ["Fit", "Matte", "Verify"], 0),
        ({"device": "cuda"}, ["Fit", "Matte", "Verify"], 1),
        ({"fit": "fit.json"}, ["Matte", "Verify"], 0),
    ],
)
def test_steps_and_requirements(job, tmp_path, changed, steps, gpus):
    (tmp_path / "fit.json").write_text("{}")
    changed = {name: str(tmp_path / value) if name == "fit" else value for name, value in changed.items()}
    bundle = make_bundle(Job(**{**vars(job), **changed}), tmp_path / "job", Farming())
    assert [step.name for step in bundle.steps] == steps
    assert bundle.step("Matte").requirements.gpus == gpus
    assert bundle.step("Verify").requirements.gpus == 0
    if changed.get("fit"):
        assert bundle.values["Fit"] == str(tmp_path / "fit.json")


def test_whatever_is_connected_and_set_is_a_parameter(job, tmp_path, monkeypatch):
    for frame in range(1001, 1007):
        for name in ("coarse", "error", "in", "out"):
            write_image(tmp_path / f"{name}.{frame}.exr", gradient()[..., :1], "A", depth="float")
    config = tmp_path / "show.ocio"
    shutil.copy(Path(__file__).parents[2] / "ocio" / "howard.ocio", config)
    monkeypatch.setenv("OCIO", str(config))
    full = Job.of(
        {
            **{"plate": job.plate, "clean_plate": job.clean_plate},
            **{
                "coarse_override": f"{tmp_path}/coarse.####.exr",
                "error_override": f"{tmp_path}/error.####.exr",
            },
            **{"inside": f"{tmp_path}/in.####.exr", "outside": f"{tmp_path}/out.####.exr"},
        },
        str(tmp_path / "out/shot.####.exr"),
        {
            "backbone_scale": 0.5,
            "sample_pixels": 100,
            "exposure": -1.0,
            "threshold": 0.2,
            "weights": job.weights,
        },
        {"colorspace": "lin_rec709_scene", "clean_colorspace": "lin_rec709_scene", "layers": "rgba,alpha"},
    )
    bundle = make_bundle(full, tmp_path / "job", Farming(chunk=6))
    given = values(bundle)
    assert len(given) <= 50  # what Open Job Description takes
    assert given["Ocio"] == str(config)  # workers have another $OCIO
    assert (given["Exposure"], given["BackboneScale"], given["SamplePixels"]) == (-1.0, 0.5, 100)
    (task,) = bundle.step("Matte").tasks
    command = " ".join(openjd_command(bundle, bundle.step("Matte"), (task,)))
    assert "coarse.####.exr" in command
    openjd("check", bundle.folder / "template.yaml")


def test_it_runs_whole_where_folders_lie_elsewhere(job, howard, tmp_path):
    plain = tmp_path / "plain"
    places = (job.plate, "--clean", job.clean_plate, "-o", plain / "shot.####.exr")
    assert howard("matte", *places, "--weights", job.weights, "--device", "cpu").code == 0
    home = Path(job.plate).parent
    bundle = make_bundle(job, home / "job", Farming(chunk=4, cores=1))
    moved = home.rename(tmp_path / "mounted elsewhere")
    rules = {
        "version": "pathmapping-1.0",
        "path_mapping_rules": [
            {"source_path_format": "POSIX", "source_path": str(home), "destination_path": str(moved)}
        ],
    }
    printed = openjd(
        *("run", moved / "job/template.yaml", "--extensions", "TASK_CHUNKING"),
        *("--job-param", json.dumps({name: str(value) for name, value in bundle.values.items()})),
        *("--path-mapping-rules", json.dumps(rules)),
    )
    assert "openjd_progress: 100.0" in printed
    assert "6 of 6 frames passed" in printed
    # A shot in pieces has the same bits as one that was run whole.
    for frame in bundle.frames:
        name = f"shot.{frame}.exr"
        assert (moved / "out" / name).read_bytes() == (plain / name).read_bytes()
    report = json.loads((moved / "out/shot.report.json").read_text(encoding="utf-8"))
    assert (report["total"], report["well"], report["problems"]) == (6, 6, {})
    assert len(report["facts"]["settings"]) == 1
    assert (moved / "out/shot.contact_sheet.png").stat().st_size > 1000
    page = (moved / "out/shot.html").read_text(encoding="utf-8")
    assert "Content-Security-Policy" in page
    assert '"plate":' in page  # the plate is shown too
    assert not home.exists()


def test_the_command_that_the_page_shows_runs_a_job_whole(make_job, tmp_path):
    page = (Path(__file__).parents[2] / "docs/farm.md").read_text(encoding="utf-8")
    shown = re.search(r"^    openjd (run .*)$", page, re.MULTILINE)[1].split()
    shot, job = make_job(3, "--chunk", 2)
    printed = openjd(*shown, cwd=job.parent)
    assert "3 of 3 frames passed" in printed
    made = sorted((shot.folder / "out").glob("shot.*.exr"))
    assert [path.name for path in made] == [f"shot.{frame}.exr" for frame in (1001, 1002, 1003)]
    # A value that is given after the paths counts.
    for path in made:
        path.unlink()
    openjd(*shown, "-p", "Frames=1002", "--step", "Matte", "--no-run-dependencies", cwd=job.parent)
    assert [path.name for path in (shot.folder / "out").glob("shot.*.exr")] == ["shot.1002.exr"]


def test_every_value_but_a_path_is_a_default_of_the_template(job, tmp_path):
    bundle = make_bundle(job, tmp_path / "job", Farming(chunk=4))
    template = yaml.safe_load((bundle.folder / "template.yaml").read_text(encoding="utf-8"))
    paths = yaml.safe_load((bundle.folder / "paths.yaml").read_text(encoding="utf-8"))
    defaults = {one["name"]: one["default"] for one in template["parameterDefinitions"] if "default" in one}
    assert set(paths) == {one["name"] for one in template["parameterDefinitions"] if one["type"] == "PATH"}
    assert not set(paths) & set(defaults)
    assert paths | defaults == values(bundle)


@given(st.sets(st.integers(-50, 3000), min_size=1, max_size=60))
def test_frames_as_open_job_description_reads_them(frames):
    wanted = tuple(sorted(frames))
    written = _expression(wanted)
    assert parse_frames(written) == wanted
    assert tuple(IntRangeExpr.from_str(written)) == wanted


@pytest.mark.parametrize(("text", "written"), [("1001-1240x10", "1001-1231:10"), ("1001-1240", "1001-1240")])
def test_frames_are_written_shortly(text, written):
    assert _expression(parse_frames(text)) == written


def test_a_shot_with_steps_is_cut_into_chunks_of_that_many_frames(job, tmp_path):
    bundle = make_bundle(
        Job(**{**vars(job), "frames": "1001-1005x2,1006"}), tmp_path / "job", Farming(chunk=3)
    )
    assert [task.frames for task in bundle.step("Matte").tasks] == [(1001, 1003), (1005, 1006)]


def test_a_gap_in_the_plate_is_refused_though_no_frames_were_named(job, tmp_path):
    Path(job.plate.replace("####", "1003")).unlink()
    with pytest.raises(InputError, match=r"frames 1003 of the plate are missing"):
        make_bundle(Job(**{**vars(job), "frames": None}), tmp_path / "job", Farming(chunk=3))
    assert not (tmp_path / "job").exists()


def test_what_is_refused_before_anything_is_submitted(job, tmp_path):
    folder = tmp_path / "job"
    with pytest.raises(InputError, match=r"frames 1007-1009 of the plate are missing"):
        make_bundle(Job(**{**vars(job), "frames": "1005-1009"}), folder, Farming())
    with pytest.raises(InputError, match=r"chunk 0: must be at least 1"):
        Farming(chunk=0)
    with pytest.raises(InputError, match=r"no such file"):
        make_bundle(Job(**{**vars(job), "clean_plate": str(tmp_path / "none.exr")}), folder, Farming())
    write_image(tmp_path / "small.exr", gradient()[:40], "RGB")
    with pytest.raises(InputError, match=r"small.exr: the clean plate is 104x40"):
        make_bundle(Job(**{**vars(job), "clean_plate": str(tmp_path / "small.exr")}), folder, Farming())
    assert not folder.exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.txt").touch()
    with pytest.raises(InputError, match=r"holds other files"):
        make_bundle(job, tmp_path / "full", Farming())
    with pytest.raises(InputError, match=r"is not a Howard job.*howard farm bundle"):
        Bundle.load(tmp_path / "full")


def test_more_than_an_engine_takes(make_shot, random_weights, tmp_path):
    shot = make_shot(1, folder=tmp_path)
    frames = [1001, *(1001 + 7 * n + n % 3 for n in range(1, 300))]
    for frame in frames[1:]:
        (tmp_path / f"plate.{frame}.exr").hardlink_to(tmp_path / "plate.1001.exr")
    job = Job(
        plate=shot.plate,
        clean_plate=shot.clean,
        output=str(tmp_path / "out/s.####.exr"),
        frames=",".join(map(str, frames)),
        weights=str(random_weights),
    )
    with pytest.raises(InputError, match=r"allows 1024: split it into several jobs"):
        make_bundle(job, tmp_path / "job", Farming())


def test_an_output_folder_with_another_jobs_frames(job, tmp_path):
    bundle = make_bundle(job, tmp_path / "job", Farming())
    frame = Path(job.output.replace("####", "1003"))
    write_image(frame, gradient(), "RGB")
    make_bundle(
        Job(**{**vars(job), "frames": "1001-1003"}), tmp_path / "job", Farming(chunk=2)
    )  # the same job
    other = Job(**{**vars(job), "depth": "float"})
    with pytest.raises(InputError, match=r"already holds frames 1003, of the job shot matte.*--overwrite"):
        make_bundle(other, tmp_path / "other", Farming())
    assert not (tmp_path / "other").exists()
    taken = make_bundle(other, tmp_path / "other", Farming(overwrite=True))
    assert taken.values["JobId"] != bundle.values["JobId"]
    Path(job.output).with_name("shot.job.json").unlink()
    with pytest.raises(InputError, match=r"not made by a farm job"):
        make_bundle(job, tmp_path / "job", Farming())


def test_what_a_worker_checks_before_each_task(job, howard, tmp_path):
    bundle = make_bundle(job, tmp_path / "job", Farming())
    job_id = bundle.values["JobId"]

    def check(job_id: object, version: str = "0.1.0") -> tuple[int, str]:
        ended = howard("farm", "check", job.output, "--job-id", job_id, "--version", version)
        return ended.code, ended.said

    assert check(job_id)[0] == 0
    code, said = check(job_id, "9.9")
    assert code == 2
    assert "the job was made with 9.9: install that version" in said
    code, said = check("another")
    assert (code, "belongs to the job shot matte" in said) == (2, True)
    claim = Path(job.output).with_name("shot.job.json")
    claim.unlink()
    assert "is the right disk mounted" in check(job_id)[1]
    shutil.rmtree(claim.parent)
    assert "is its disk mounted" in check(job_id)[1]
    assert not claim.parent.exists()


def test_a_job_that_was_made_is_read_without_the_library_that_makes_one(job, tmp_path, monkeypatch):
    made = make_bundle(job, tmp_path / "job", Farming(chunk=2))
    monkeypatch.setitem(sys.modules, "openjd.model", None)
    assert Bundle.load(made.folder) == made
    path = made.folder / "parameter_values.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")  # changed: read anew
    with pytest.raises(InputError, match="need Open Job Description's library"):
        Bundle.load(made.folder)
    monkeypatch.undo()
    assert Bundle.load(made.folder) == made
    (made.folder / "tasks.json").write_text("{", encoding="utf-8")
    assert Bundle.load(made.folder) == made


def test_parameters_can_be_changed_by_hand(job, tmp_path):
    bundle = make_bundle(job, tmp_path / "job", Farming(chunk=2))
    path = bundle.folder / "parameter_values.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("value: 2\n", "value: 6\n"), encoding="utf-8")
    assert [len(task.frames) for task in Bundle.load(bundle.folder).step("Matte").tasks] == [6]
    path.write_text("parameterValues: [{name: Frames}]", encoding="utf-8")
    with pytest.raises(InputError, match=r"parameter_values.yaml: is not a list of parameter values"):
        Bundle.load(bundle.folder)
    (bundle.folder / "template.yaml").write_text("name: [", encoding="utf-8")
    with pytest.raises(InputError, match=r"template.yaml: cannot be read"):
        Bundle.load(bundle.folder)


def test_without_a_fit_step(job, tmp_path):
    plain = Job.of(
        {"plate": job.plate, "clean_plate": job.clean_plate},
        job.output,
        {"align": "off", "match_exposure": "off", "weights": job.weights},
    )
    bundle = make_bundle(plain, tmp_path / "job", Farming())
    assert [step.name for step in bundle.steps] == ["Matte", "Verify"]
    assert PLAIN == ("--align", "off", "--match-exposure", "off")


def test_with_weights_that_learn_the_shot(job, tmp_path):
    bundle = make_bundle(job, tmp_path / "job", Farming(adapt=40))
    assert "passes validation" in openjd("check", bundle.folder / "template.yaml")
    assert [step.name for step in bundle.steps] == ["Fit", "Adapt", "Matte", "Verify"]
    assert [step.needs for step in bundle.steps] == [(), ("Fit",), ("Adapt",), ("Matte",)]
    assert values(bundle)["AdaptSteps"] == 40
    # Frames of other weights are another job's.
    assert make_bundle(job, tmp_path / "other", Farming()).values["JobId"] != bundle.values["JobId"]
