"""An install in a process of its own, which a test can kill: what it is doing is printed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from blender.installs import room


def main(addon: str, folder: str, index: str) -> None:
    installing, steps = room("installing"), room("install_steps")
    choices = installing.Choices(Path(folder), sys.executable, "cpu", index=index, torch_index=index)
    plan = installing.plan(installing.INSTALL, choices, installing.package(Path(addon)))
    work = steps.Work(plan)
    while not work.is_over:
        work.wait(0.05)
        for event in work.events():
            print(event["doing"], flush=True)
    try:
        print(json.dumps(work.result()))
    except Exception as error:
        print(f"{type(error).__name__}: {error}")


main(*sys.argv[1:])
