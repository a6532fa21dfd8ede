"""What tests of installing need: the add-on's modules without Blender, small wheels, a poor index."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import importlib.util
import random
import shutil
import sys
import tempfile
import threading
import types
import zipfile
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ADDON = Path(__file__).parents[2] / "blender_addon"
BUILD = Path(__file__).parents[2] / "tools" / "addon" / "build.py"


def room(name: str) -> Any:
    """One of the add-on's modules that need no bpy."""
    if "addon_without_bpy" not in sys.modules:
        package = types.ModuleType("addon_without_bpy")
        package.__path__ = [str(ADDON)]
        sys.modules["addon_without_bpy"] = package
    return importlib.import_module(f"addon_without_bpy.{name}")


def write_wheel(
    folder: Path, name: str, version: str, files: dict[str, str | bytes], requires: tuple[str, ...] = ()
) -> Path:
    """Write a wheel that installs as a real one does."""
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: >=3.8\n"
    metadata += "".join(f"Requires-Dist: {one}\n" for one in requires)
    held: dict[str, bytes] = {
        key: text.encode() if isinstance(text, str) else text for key, text in files.items()
    }
    held[f"{stem}.dist-info/METADATA"] = metadata.encode()
    held[f"{stem}.dist-info/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = "".join(
        f"{key},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for key, data in held.items()
    )
    held[f"{stem}.dist-info/RECORD"] = f"{record}{stem}.dist-info/RECORD,,\n".encode()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for key, data in held.items():
            archive.writestr(key, data)
    return path


def build_tool() -> Any:
    """The module tools/addon/build.py."""
    spec = importlib.util.spec_from_file_location("build_addon", BUILD)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def pip_wheel() -> Path:
    """The pip that the add-on carries."""
    return Path(build_tool().pip_wheel(Path(tempfile.mkdtemp())))


def write_howard(addon: Path, version: str) -> Any:
    """Write an add-on's Howard that only says its version; what `installing.package` gives of it."""
    code = {
        "howard_nodes/__init__.py": f"__version__ = {version!r}\n",
        "howard_nodes/cli.py": "",
        "howard_nodes/__main__.py": "import howard_nodes; print('howard', howard_nodes.__version__)\n",
    }
    for old in (addon / "howard").glob("howard*.whl"):
        old.unlink()
    write_wheel(addon / "howard", "howard-matting", version, code, ("torch>=2.6,<3", "numpy>=1.26"))
    shutil.copy(pip_wheel(), addon / "howard")
    (addon / "howard" / "constraints.txt").write_text("torch==2.13.0\nnumpy==2.4.6\n", encoding="utf-8")
    return room("installing").package(addon)


def write_packages(folder: Path, megabytes: float = 3) -> None:
    """Write what it needs: a torch of some size that cannot be packed any smaller, and the rest in one."""
    torch = "__version__ = '2.13.0+cpu'\nclass cuda:\n    is_available = staticmethod(lambda: False)\n"
    torch += "class backends:\n    class mps:\n        is_available = staticmethod(lambda: False)\n"
    payload = random.Random(7).randbytes(int(megabytes * 1e6))
    write_wheel(folder, "torch", "2.13.0+cpu", {"torch/__init__.py": torch, "torch/payload.bin": payload})
    rest = {f"{name}.py": "" for name in ("numpy", "av", "cv2", "OpenImageIO", "PyOpenColorIO")}
    write_wheel(folder, "numpy", "2.4.6", dict(rest))


class Index:
    """A package index on this machine.

    Attributes
    ----------
    asked : list of (str, str or None)
        Files that were asked for, and from which byte on.
    breaks : Counter
        By a part of a file's name, how often its connection still breaks in the middle.
    password : str
        Wanted, if not empty.
    seconds : float
        Between two pieces of a file.
    damaged : str
        A part of the names of files whose last byte is wrong.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked, self.breaks = folder, [], Counter()
        self.password, self.seconds, self.damaged = "", 0.0, ""
        index = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self._answer(body=False)

            def do_GET(self) -> None:
                self._answer(body=True)

            def log_message(self, *_: object) -> None: ...

            def _answer(self, *, body: bool) -> None:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    index._answer(self, body=body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        who = f"artist:{self.password}@" if self.password else ""
        return f"http://{who}127.0.0.1:{self._server.server_address[1]}/simple"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fetched(self, part: str) -> list[str | None]:
        """From which bytes on a file was asked for."""
        return [start for name, start in self.asked if part in name]

    def _answer(self, handler: BaseHTTPRequestHandler, *, body: bool) -> None:
        token = "Basic " + base64.b64encode(f"artist:{self.password}".encode()).decode()
        if self.password and handler.headers.get("Authorization") != token:
            self._send(handler, 401, b"", {"WWW-Authenticate": "Basic"})
            return
        parts = [part for part in handler.path.split("/") if part]
        if len(parts) == 2 and parts[0] == "simple":
            self._list(handler, parts[1])
        elif len(parts) == 2 and parts[0] == "files":
            self._file(handler, self.folder / parts[1].replace("%2B", "+"), body=body)
        else:
            self._send(handler, 404, b"")

    def _list(self, handler: BaseHTTPRequestHandler, name: str) -> None:
        found = sorted(self.folder.glob(f"{name.replace('-', '_')}-*.whl"))
        links = []
        for path in found:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            links.append(f'<a href="/files/{path.name}#sha256={digest}">{path.name}</a>')
        page = f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()
        self._send(handler, 200 if found else 404, page, {"Content-Type": "text/html"})

    def _file(self, handler: BaseHTTPRequestHandler, path: Path, *, body: bool) -> None:
        if not path.is_file():
            self._send(handler, 404, b"")
            return
        data = path.read_bytes()
        if self.damaged and self.damaged in path.name:
            data = data[:-1] + bytes([data[-1] ^ 1])
        wanted = handler.headers.get("Range")
        start, end = 0, len(data)
        if wanted and not wanted.startswith("bytes=-"):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end = int(first), int(last) + 1 if last else end
        elif wanted:
            start = max(len(data) + int(wanted.removeprefix("bytes=")), 0)
        if body:
            self.asked.append((path.name, wanted))
        handler.send_response(206 if wanted else 200)
        handler.send_header("Content-Length", str(end - start))
        handler.send_header("Accept-Ranges", "bytes")
        if wanted:
            handler.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        handler.end_headers()
        if not body:
            return
        is_breaking = end - start > 100_000 and any(
            part in path.name and count > 0 for part, count in self.breaks.items()
        )
        until = (start + end) // 2 if is_breaking else end
        step = 100_000 if self.seconds else until
        for place in range(start, until, max(step, 1)):
            handler.wfile.write(data[place : min(place + step, until)])
            threading.Event().wait(self.seconds)
        if is_breaking:
            self.breaks.subtract([part for part in self.breaks if part in path.name])
            handler.close_connection = True

    @staticmethod
    def _send(
        handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        handler.send_response(status)
        for key, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            handler.send_header(key, value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Index]:
    index = Index(folder)
    try:
        yield index
    finally:
        index.close()
