"""What the code can do at all: nothing that runs what a file says, nothing that listens or calls out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for folder in ("howard_nodes", "blender_addon")
    for path in sorted((ROOT / folder).rglob("*.py"))
}

NEVER = (
    "marshal", "shelve", "dill", "cloudpickle", "joblib", "http", "ftplib", "smtplib", "poplib", "imaplib",
    "telnetlib", "xmlrpc", "socketserver", "asyncio", "ssl", "requests", "httpx", "aiohttp", "urllib3",
    "websockets", "multiprocessing.connection", "multiprocessing.managers", "torch.hub", "torch.package",
    "code", "pty",
)  # fmt: skip
"""Modules that no file imports."""

ONLY = {
    "pickle": {
        "howard_nodes/network/checkpoints.py": "an unpickler that knows a dozen names, for checkpoints"
    },
    "socket": {
        "howard_nodes/system/machine.py": "the machine's name, no connection",
        "howard_nodes/worker/daemon.py": "a Unix socket in a folder of the user's own, for a session's tasks",
    },
    "urllib.request": {"blender_addon/package_supply.py": "url2pathname, no request"},
    "ctypes": {
        "howard_nodes/system/windows.py": "Windows' own functions",
        "howard_nodes/system/machine.py": "malloc_trim: memory that was freed goes back",
        "howard_nodes/system/processes.py": "prctl: a child ends with its parent",
    },
    "mmap": {
        "howard_nodes/client.py": "shared memory with the worker",
        "howard_nodes/worker/memory.py": "shared memory with the host",
    },
    "pip": {"blender_addon/fetching.py": "Install Howard: pip's own session, in a process of its own"},
    "subprocess": {
        "howard_nodes/cli/console.py": "quoting on Windows; nothing is started",
        "howard_nodes/cli/daemon.py": "a task that no warm process can do",
        "howard_nodes/cli/farm_tasks.py": "a farm's task: openjd",
        "howard_nodes/client.py": "the worker",
        "howard_nodes/doctor/examination.py": "howard doctor's own look at libraries",
        "howard_nodes/doctor/programs.py": "Blenders' versions, the worker",
        "howard_nodes/farm/deadline.py": "deadline",
        "howard_nodes/farm/local.py": "tasks on this machine",
        "howard_nodes/farm/share.py": "tasks of a slot of Slurm: openjd",
        "howard_nodes/farm/slurm.py": "sbatch, squeue, sacct, scancel",
        "howard_nodes/system/processes.py": "flags and endings alone",
        "howard_nodes/training/keeping.py": "git rev-parse, for the record of a training run",
        "howard_nodes/worker/daemon.py": "the warm process of a farm's session",
        "howard_nodes/worker/process.py": "the process that computes",
        "blender_addon/devices.py": "nvidia-smi and its like",
        "blender_addon/pip_calls.py": "pip, in an environment of Howard's own",
        "blender_addon/program.py": "howard",
    },
}
"""Modules that few files import, and what for."""

SCRIPTED = "howard_nodes/hosts/nuke/export.py"
"""Reads back, from memory, the TorchScript that it has just made for Nuke."""

NAMED_MODULES = {
    "howard_nodes/doctor/inside.py": "the libraries in its list",
    "howard_nodes/farm/scheduler.py": "the schedulers in its list",
    "blender_addon/fetching.py": "pip",
}
"""Files that import modules by a name in a variable."""


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and called(node) == "importlib.import_module":
            yield from (one.value for one in node.args if isinstance(one, ast.Constant))


def called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def calls(tree: ast.AST) -> Iterator[tuple[str, dict[str, str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield called(node), {word.arg or "**": ast.unparse(word.value) for word in node.keywords}


def inside(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


@pytest.mark.parametrize("file", FILES)
def test_modules_that_run_files_or_speak_to_a_network_are_not_imported(file: str) -> None:
    found = set(imports(FILES[file]))
    assert not {name for name in found for module in NEVER if inside(name, module)}
    for module, files in ONLY.items():
        assert file in files or not {name for name in found if inside(name, module)}, module


@pytest.mark.parametrize("module", ONLY)
def test_the_list_of_exceptions_holds_no_file_too_many(module: str) -> None:
    using = {file for file, tree in FILES.items() if any(inside(name, module) for name in imports(tree))}
    assert set(ONLY[module]) == using


@pytest.mark.parametrize("file", FILES)
def test_nothing_runs_text(file: str) -> None:
    for name, words in calls(FILES[file]):
        last = name.rpartition(".")[2]
        assert name not in (
            "eval",
            "exec",
            "compile",
            "__import__",
            "os.system",
            "os.popen",
            "runpy.run_path",
        ), name
        assert words.get("shell", "False") == "False", name
        assert words.get("allow_pickle", "False") == "False", name
        assert not name.startswith(("os.spawn", "tempfile.mktemp")), name
        assert name != "torch.jit.load" or file == SCRIPTED
        if name == "torch.load":
            assert words.get("weights_only") == "True", words
        if name.startswith("yaml."):
            assert last.startswith("safe_"), name
        if name == "importlib.import_module":
            assert file in NAMED_MODULES


def test_sockets_are_unix_sockets_alone() -> None:
    """The one file that opens sockets opens those that have no port."""
    made = [
        ast.unparse(node)
        for node in ast.walk(FILES["howard_nodes/worker/daemon.py"])
        if isinstance(node, ast.Call) and called(node).startswith("socket.")
    ]
    assert made
    opened = [one for one in made if one.startswith("socket.socket(")]
    assert set(opened) <= {"socket.socket(socket.AF_UNIX)", "socket.socket(fileno=listening)"}
    assert {one.partition("(")[0] for one in made} <= {"socket.socket", "socket.send_fds", "socket.recv_fds"}


def test_the_unpickler_is_nobodys_but_the_importers() -> None:
    """`pickle` itself is used for its unpickler alone, which looks every name up in a list."""
    names = [name for name, _ in calls(FILES["howard_nodes/network/checkpoints.py"])]
    assert not {name for name in names if name.startswith("pickle.")} - {"pickle.UnpicklingError"}
