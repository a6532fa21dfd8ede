"""Making a bundle: a job on files, as a template of Open Job Description with its values and its files."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from howard_nodes.atomic import absolute, check_folder, write_file
from howard_nodes.description import INPUTS
from howard_nodes.description.job import Job
from howard_nodes.errors import InputError
from howard_nodes.farm.bundle import PARAMETERS, TEMPLATE, Bundle
from howard_nodes.farm.claim import check_free, claim
from howard_nodes.farm.template import _LONGEST_VALUE, Farming, Making, _expression
from howard_nodes.frames import name_frames
from howard_nodes.layers import validate_layers
from howard_nodes.shot.events import Event
from howard_nodes.shot.plan import Plan, plan

__all__ = ["ASSETS", "MOST_CHUNKS", "PATHS", "make_bundle"]

ASSETS = "asset_references.yaml"
"""Name of the file that lists what a job reads and writes."""

PATHS = "paths.yaml"
"""Name of the file with a job's paths, for `openjd run`: other parameters have defaults in the template."""

MOST_CHUNKS = 9_000
"""Chunks of a step at most: Slurm holds 10,000 tasks by default, those of other jobs among them."""


def make_bundle(
    job: Job, folder: Path | str, farming: Farming, on_event: Callable[[Event], None] = lambda _: None
) -> Bundle:
    """Make a bundle, after all has been checked that can be.

    Parameters
    ----------
    job : Job
        What is to be done. Its paths become absolute; `report` and `resume` are the farm's own affair.
    folder : Path or str
        The bundle's; made where it is not there.
    farming : Farming
        How it is cut up.
    on_event : callable
        Told what is worth knowing.

    Returns
    -------
    Bundle
        As it was read back.

    Raises
    ------
    InputError
        The job cannot be done as asked, frames are missing, the output holds another job's frames, or the
        folder holds something else. Nothing was written but, perhaps, empty folders.
    WriteError
        The bundle or the claim to the output folder cannot be written.
    """
    folder = absolute(folder)
    _check_folder(folder)
    job = _absolute(job)
    planned = _checked(job, on_event)
    frames = planned.frames
    for size, flag in ((farming.chunk, "--chunk"), (farming.fit_chunk, "--fit-chunk")):
        chunks = -(-len(frames) // size)
        if chunks > MOST_CHUNKS:
            raise InputError(
                f"{len(frames)} frames in chunks of {size} are {chunks} tasks, more than {MOST_CHUNKS}: use "
                f"{flag} {-(-len(frames) // MOST_CHUNKS)} at least."
            )
    listed = _expression(frames)
    if len(listed) > _LONGEST_VALUE:
        raise InputError(
            f"the frame list {listed[:40]}... is {len(listed)} characters long, Open Job "
            f"Description allows {_LONGEST_VALUE}: split it into several jobs."
        )
    made = Making(job, frames, farming, planned.footage)
    if not farming.overwrite:
        check_free(job.output, validate_layers(job.layers), made.job_id)
    paths = {
        folder / TEMPLATE: made.template(),
        folder / PARAMETERS: {"parameterValues": made.parameter_values()},
        folder / PATHS: made.paths(),
        folder / ASSETS: {"assetReferences": made.assets()},
    }
    import yaml  # comes with Open Job Description's library, which `Bundle.load` asks for

    for path, document in paths.items():
        write_file(path, yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120))
    bundle = Bundle.load(folder)
    claim(job.output, made.job_id, bundle.name)
    return bundle


def _checked(job: Job, on_event: Callable[[Event], None]) -> Plan:
    """Look at all of a job that can be looked at without computing."""
    planned = plan(job, on_event)
    check_folder(Path(job.output))
    labels = {socket.name: socket.label.lower() for socket in INPUTS if socket.name != "clean_plate"}
    for name, footage in planned.footage.items():
        missing = footage.missing(planned.frames) if name in labels else ()
        if missing:
            raise InputError(
                f"{footage.pattern}: frames {name_frames(missing)} of the {labels[name]} are missing: "
                "wait for them, or leave them out of --frames."
            )
    return planned


def _absolute(job: Job) -> Job:
    """Make paths absolute, and name the colour configuration that is in force: workers have another one."""
    paths: dict[str, Any] = {
        name: str(absolute(value))
        for name in (
            "plate",
            "clean_plate",
            "output",
            "coarse_override",
            "error_override",
            "inside",
            "outside",
            "fit",
        )
        if (value := getattr(job, name)) is not None
    }
    ocio = job.ocio or os.environ.get("OCIO") or None
    files = {"ocio": ocio, "weights": job.weights}
    paths |= {name: str(absolute(path)) for name, path in files.items() if path and Path(path).is_file()}
    return replace(job, **({"ocio": ocio} | paths), report=None, resume=False)


def _check_folder(folder: Path) -> None:
    if not folder.exists() or (folder / TEMPLATE).is_file():
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise InputError(f"{folder}: holds other files; choose a new folder for the job.")
