# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch files, and go on where a connection broke: run by the environment's Python, with pip's session.

    python -I fetching.py job.json

pip's own downloads start again when it was ended; of a build of 6 GB that is a day's work lost. pip's session
knows proxies, certificates and passwords of an index, from all places where a studio may have put them.

The job is `{"probe": [page, ...], "files": [{"url", "sha256"}, ...], "folder": str, "patience": seconds}`.
Pages are addresses, or lie below the index that pip uses.
Each line of output is a JSON object: `{"event": "total" | "bytes" | "waiting" | "failed", ...}`.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib
import json
import sys
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_CHUNK = 1 << 18
_TELL_SECONDS = 0.2
_LONGEST_WAIT = 20.0
_PLAIN = {"Accept-Encoding": "identity"}


class FetchError(Exception):
    """It cannot be fetched.

    `kind` is `proxy`, `certificate`, `connection`, `status`, `space`, `disk` or `hash`.
    """

    def __init__(self, kind: str, url: str, detail: object = "") -> None:
        super().__init__(str(detail))
        self.kind, self.url = kind, url


class Session:
    """pip's session."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def ask(self, url: str, *, method: str = "GET", headers: dict[str, str] | None = None) -> Any:
        """Ask for a page or a file, without reading it. Raises `FetchError`."""
        try:
            answer = self._session.request(method, url, headers={**_PLAIN, **(headers or {})}, stream=True)
        except Exception as error:  # of requests, of urllib3, of pip: they differ between versions
            raise FetchError(_kind(error), url, error) from error
        if answer.status_code >= 400 and answer.status_code != 416:
            answer.close()
            raise FetchError("status", url, answer.status_code)
        return answer


def fetch(session: Session, url: str, target: Path, sha256: str, patience: float) -> None:
    """Fetch a file; what is there of it already stays.

    Raises
    ------
    FetchError
        The connection did not come back for as long as `patience`, or the file is not what it should be.
    """
    part = target.with_name(target.name + ".part")
    deadline, wait = time.monotonic() + patience, 0.5
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _append(session, url, part, before)
            break
        except FetchError as error:
            now = part.stat().st_size if part.exists() else 0
            if error.kind in ("space", "disk", "certificate") or _is_final(error):
                raise
            if now > before:
                deadline, wait = time.monotonic() + patience, 0.5
            if time.monotonic() + wait > deadline:
                raise
        _tell("waiting", seconds=round(wait, 1))
        time.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT)
    if sha256 and _sha256(part) != sha256:
        part.unlink()
        raise FetchError("hash", url)
    part.replace(target)


def _append(session: Session, url: str, part: Path, have: int) -> None:
    answer = session.ask(url, headers={"Range": f"bytes={have}-"} if have else None)
    with contextlib.closing(answer):
        if answer.status_code == 416:  # all of it is here, or more than all
            size = answer.headers.get("Content-Range", "").rpartition("/")[2]
            if size != str(have):
                part.unlink(missing_ok=True)
                raise FetchError("connection", url, "the file has changed")
            return
        goes_on = answer.status_code == 206
        length = answer.headers.get("Content-Length")
        expected = None if length is None else int(length) + (have if goes_on else 0)
        done = have if goes_on else 0
        try:
            with part.open("ab" if goes_on else "wb") as file:
                for chunk in _chunks(answer, url):
                    file.write(chunk)
                    done += len(chunk)
                    _progress(part.name, done)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
            raise FetchError("space" if full else "disk", url, error) from error
    _progress(part.name, done, at_once=True)
    if expected is not None and done < expected:
        raise FetchError("connection", url, f"{done} of {expected} bytes came")


def _chunks(answer: Any, url: str) -> Iterator[bytes]:
    try:
        yield from answer.raw.stream(_CHUNK, decode_content=False)
    except Exception as error:
        raise FetchError("connection", url, error) from error


def _is_final(error: FetchError) -> bool:
    """Tell whether waiting does not help: the server says no, and not that it is busy."""
    return error.kind == "status" and str(error) not in ("408", "429", "500", "502", "503", "504")


def _kind(error: BaseException) -> str:
    seen: list[str] = []
    while error is not None:
        seen += [one.__name__ for one in type(error).__mro__]
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    text = " ".join(seen)
    if "Proxy" in text:
        return "proxy"
    return "certificate" if "SSL" in text or "CertificateError" in text else "connection"


_SHOWN: dict[str, int] = {}
_TOLD = [0.0]


def _progress(name: str, done: int, *, at_once: bool = False) -> None:
    _SHOWN[name] = done
    if at_once or time.monotonic() - _TOLD[0] > _TELL_SECONDS:
        _TOLD[0] = time.monotonic()
        _tell("bytes", done=sum(_SHOWN.values()), file=name.removesuffix(".part"))


def _tell(event: str, **what: object) -> None:
    print(json.dumps({"event": event, **what}), flush=True)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _size(session: Session, url: str) -> int:
    try:
        with contextlib.closing(session.ask(url, method="HEAD")) as answer:
            return int(answer.headers["Content-Length"])
    except (FetchError, KeyError, ValueError):  # it is known when the file comes
        return 0


def _go(session: Session, job: dict[str, Any], index: str) -> None:
    for page in job.get("probe", ()):
        session.ask(urllib.parse.urljoin(index, page)).close()
    folder = Path(job["folder"])
    wanted = []
    for file in job.get("files", ()):
        name = urllib.parse.unquote(urllib.parse.urlsplit(file["url"]).path.rpartition("/")[2])
        target = folder / name
        if target.exists() and file["sha256"] and _sha256(target) == file["sha256"]:
            _progress(name + ".part", target.stat().st_size)
        else:
            wanted.append((file["url"], target, file["sha256"]))
    sizes = [_size(session, url) for url, _, _ in wanted]
    _tell("total", bytes=sum(sizes) + sum(_SHOWN.values()))
    for url, target, sha256 in wanted:
        fetch(session, url, target, sha256, float(job.get("patience", 300)))


def main(path: str) -> int:
    """Do the job of a file; 1 where it failed."""
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    command = importlib.import_module("pip._internal.commands").create_command("download")
    options, _ = command.parse_args(["--quiet", "--no-cache-dir", "--no-input", "nothing"])
    try:
        with command.main_context():
            _go(Session(command.get_default_session(options)), job, options.index_url.rstrip("/") + "/")
    except FetchError as error:
        _tell("failed", kind=error.kind, url=error.url, detail=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
