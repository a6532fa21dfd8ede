"""Open files one after the other with little memory, and say of each what came of it.

python tests/guard/opening.py KIND FILE ...
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

MEMORY = 4 << 30  # bytes of address space, libraries and all


def opened(kind: str, path: Path) -> str:
    """Open a file as its user would; give what it was read as."""
    if kind == "config":
        import numpy as np

        from howard_nodes.color import ColorConfig

        return str(ColorConfig.load(path).convert(np.zeros((2, 2, 3), np.float32), "odd", "lin").shape)
    if kind == "weights":
        from howard_nodes.network import import_checkpoint, load_weights

        if path.suffix == ".pth":
            return str(import_checkpoint(path, path.with_suffix(".safetensors")))
        return str(load_weights(path))
    if kind == "fit":
        from howard_nodes.plates.fit import ShotFit

        return str(ShotFit.load(path))
    from howard_nodes.frames import open_footage

    footage = open_footage(path)
    footage.check(footage.frames[0])
    return str(footage.read(footage.frames[0]).pixels.shape)


def main() -> None:
    """Say, a line for each file: its name, seconds of a core, what it was read as, or what was said."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    from howard_nodes.errors import HowardError

    kind, *paths = sys.argv[1:]
    for path in map(Path, paths):
        began, read, said = time.process_time(), "", ""
        try:
            read = opened(kind, path)
        except HowardError as error:
            said = str(error)
        print(json.dumps([path.name, time.process_time() - began, read, said]), flush=True)


if __name__ == "__main__":
    main()
