"""What the nodes ask of ComfyUI itself: progress, interruption, folders. Outside of it they do without.

ComfyUI has loaded its own modules by the time it loads nodes, so nothing is imported here: a package of the
same name that lies around somewhere is not taken for it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from howard_nodes.errors import InputError

__all__ = ["NodeProgress", "input_path", "output_path", "say"]


class NodeProgress:
    """The bar on the node that runs.

    Parameters
    ----------
    total : int
        Steps there will be.
    """

    def __init__(self, total: int) -> None:
        utils = sys.modules.get("comfy.utils")
        self._bar = utils.ProgressBar(total) if utils is not None else None
        self._done = 0

    def step(self) -> None:
        """Go on by one.

        Where the user has asked to stop, ComfyUI's own exception is raised, which ends the workflow.
        """
        self.reach(self._done + 1)

    def reach(self, done: int) -> None:
        """Go on to a number of steps, as with `step`."""
        self.heed()
        self._done = done
        if self._bar is not None:
            self._bar.update_absolute(done)

    def heed(self) -> None:
        """Stop where the user has asked to, as with `step`, but stay where the bar is."""
        management = sys.modules.get("comfy.model_management")
        if management is not None:
            management.throw_exception_if_processing_interrupted()


def say(text: str, node: str | None) -> None:
    """Show a line on the node that runs.

    Parameters
    ----------
    text : str
        What to say.
    node : str, optional
        The node's number, as ComfyUI hands it in; None outside of it.
    """
    server: Any = sys.modules.get("server")
    running = getattr(getattr(server, "PromptServer", None), "instance", None)
    if node is not None and running is not None and hasattr(running, "send_progress_text"):
        running.send_progress_text(text, node)


def input_path(pattern: str) -> str:
    """Say where a pattern of files to read lies.

    Parameters
    ----------
    pattern : str
        Relative to ComfyUI's input folder (outside of ComfyUI: to the working directory), or absolute.

    Returns
    -------
    str
        The pattern with its folder.

    Raises
    ------
    InputError
        It is empty.
    """
    if not pattern.strip():
        raise InputError("no file: enter one, or a sequence such as plate.####.exr.")
    return os.path.join(_folder("input"), pattern.strip())  # noqa: PTH118 - a pattern, not a path


def output_path(pattern: str) -> str:
    """Say where a pattern of files to write lies.

    As ComfyUI's own nodes, Howard's write into its output folder only: whoever can queue a workflow on a
    server must not be able to write elsewhere.

    Parameters
    ----------
    pattern : str
        Relative to ComfyUI's output folder (outside of ComfyUI: to the working directory), or absolute and
        inside of it.

    Returns
    -------
    str
        The pattern with its folder.

    Raises
    ------
    InputError
        It is empty or lies outside.
    """
    if not pattern.strip():
        raise InputError("no file: enter one, or a sequence such as shot.####.exr.")
    folder = os.path.abspath(_folder("output"))  # noqa: PTH100 - links inside are the owner's business
    path = os.path.abspath(os.path.join(folder, pattern.strip()))  # noqa: PTH100, PTH118
    if Path(folder) not in Path(path).parents:
        raise InputError(
            f"{pattern}: is outside ComfyUI's output folder {folder}. Name a file in it; to write "
            "elsewhere, start ComfyUI with --output-directory."
        )
    return path


def _folder(kind: str) -> str:
    paths = sys.modules.get("folder_paths")
    return str(Path.cwd()) if paths is None else str(getattr(paths, f"get_{kind}_directory")())
