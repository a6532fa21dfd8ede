# SPDX-License-Identifier: Apache-2.0
"""Fetch the photographs that training samples use as places and materials.

`pictures.json` lists each of them: the Debian package it lies in, its licence, where the package states that,
and who made it. Packages come through apt-get, are checked against the hash in the list, and never installed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from howard_nodes.atomic import write_file
from howard_nodes.errors import HowardError, InputError

__all__ = [
    "Package",
    "Picture",
    "attribution",
    "make_pictures",
    "qt_resources",
    "read_list",
    "recode",
    "unpack",
]

LIST = Path(__file__).with_suffix(".json")
LONGEST = 2048
"""Pixels of a picture's longer side; the bank of textures reads no more."""


@dataclass(frozen=True)
class Picture:
    """One photograph in a package.

    Attributes
    ----------
    file : str
        Its path in the package; of one in a Qt resource file: that file's path, then the path within.
    licence, by : str
        SPDX name or "public domain"; who made it.
    source : str or None
        Where its maker published it.
    held_out : bool
        It is for evaluation, never for training.
    """

    file: str
    licence: str
    by: str
    source: str | None = None
    held_out: bool = False

    @property
    def container(self) -> str:
        """The package's own file that holds the picture."""
        outer, mark, _ = self.file.partition(".rcc/")
        return outer + mark.rstrip("/")

    @property
    def inner(self) -> str:
        """The path within a Qt resource file; empty for a picture that is a file of its own."""
        return self.file.partition(".rcc/")[2]


@dataclass(frozen=True)
class Package:
    """A Debian package and the pictures taken from it."""

    package: str
    version: str
    sha256: str
    licence_stated_in: str
    pictures: tuple[Picture, ...]

    def name(self, picture: Picture) -> str:
        """Name a picture's file after the package, its folder and itself; what was lossless stays so."""
        path = PurePosixPath(picture.file)
        suffix = ".png" if path.suffix == ".png" else ".jpg"
        return f"{self.package}-{path.parent.name}-{path.stem}{suffix}"


def read_list(path: Path = LIST) -> list[Package]:
    """Read the list of pictures."""
    return [
        Package(**{**entry, "pictures": tuple(Picture(**picture) for picture in entry["pictures"])})
        for entry in json.loads(path.read_text(encoding="utf-8"))["packages"]
    ]


def make_pictures(packages: Sequence[Package], output: Path, *, held_out: bool) -> int:
    """Fetch what `output` lacks, and write `ATTRIBUTION.md` there.

    Parameters
    ----------
    packages : sequence of Package
        Taken in this order; one of which every picture is there is not fetched.
    output : Path
        Folder; made if there is none.
    held_out : bool
        Whether the pictures for evaluation are wanted, or those for training.

    Returns
    -------
    int
        Pictures written.

    Raises
    ------
    HowardError
        A package cannot be had or is another one than listed, or a file cannot be written.
    """
    written = 0
    for package in packages:
        missing = [
            picture
            for picture in package.pictures
            if picture.held_out == held_out and not (output / package.name(picture)).exists()
        ]
        if not missing:
            continue
        with tempfile.TemporaryDirectory(prefix="howard-pictures-") as scratch:
            archive = _download(package, Path(scratch))
            for picture, encoded in unpack(archive, missing):
                target = output / package.name(picture)
                write_file(target, recode(encoded, suffix=target.suffix, what=picture.file))
                written += 1
    write_file(output / "ATTRIBUTION.md", attribution(packages, held_out=held_out))
    return written


def _download(package: Package, folder: Path) -> Path:
    """Let apt-get fetch a package into a folder, and check it."""
    wanted = f"{package.package}={package.version}"
    try:
        done = subprocess.run(
            ["apt-get", "download", wanted], cwd=folder, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise InputError("apt-get was not found: fetch the images on Debian, then copy the folder.") from None
    archives = list(folder.glob("*.deb"))
    if done.returncode or len(archives) != 1:
        raise InputError(
            f"{wanted} cannot be fetched; run `apt-get update` on the release named in "
            f"pictures.json, and try again. apt-get says: {done.stderr.strip()}"
        )
    with archives[0].open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != package.sha256:
        raise InputError(
            f"{wanted}: the download has SHA-256 {found}, the list {package.sha256}. Its images "
            "may have other licences: read them before you change the list."
        )
    return archives[0]


def unpack(archive: Path, pictures: Collection[Picture]) -> Iterator[tuple[Picture, bytes]]:
    """Read pictures out of a Debian package, in one pass, without unpacking the rest.

    Yields
    ------
    tuple of Picture and bytes
        The picture's file as it is in the package.

    Raises
    ------
    InputError
        The archive is broken, or lacks a picture.
    """
    wanted: dict[str, list[Picture]] = {}
    for picture in pictures:
        wanted.setdefault(picture.container, []).append(picture)
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as files:
                for member in files:
                    here = wanted.pop(member.name.removeprefix("./"), None)
                    stored = files.extractfile(member) if here else None
                    if here is None or stored is None:
                        continue
                    content = stored.read()
                    resources = qt_resources(content) if here[0].inner else {"": content}
                    for picture in here:
                        if picture.inner not in resources:
                            raise InputError(
                                f"{archive.name}: no image {picture.file}; correct pictures.json."
                            )
                        yield picture, resources[picture.inner]
        except tarfile.TarError as error:
            raise InputError(f"{archive}: a broken package ({error}); fetch it again.") from error
    if wanted:
        raise InputError(f"{archive.name}: no file {', '.join(sorted(wanted))}; correct pictures.json.")


def qt_resources(content: bytes) -> dict[str, bytes]:
    """List the files in a compiled Qt resource collection (.rcc) that are stored uncompressed.

    Pictures are, because they do not shrink. The format is that of Qt's `rcc`, versions 1 to 3: big-endian; a
    tree of nodes (name, flags, then children or data), the names in UTF-16, the data with their lengths.

    Raises
    ------
    InputError
        It is no such collection.
    """
    try:
        magic, version, tree, data, names = struct.unpack_from(">4s4I", content)
        if magic != b"qres" or not 1 <= version <= 3:
            raise InputError(
                f"not a Qt resource file of version 1 to 3 (magic {magic!r}, version {version})."
            )
        files: dict[str, bytes] = {}
        nodes = [(0, "")]
        while nodes:
            number, folder = nodes.pop()
            at = tree + number * (14 if version == 1 else 22)
            name_at, flags = struct.unpack_from(">IH", content, at)
            path = ""
            if number:
                (length,) = struct.unpack_from(">H", content, names + name_at)
                start = names + name_at + 6  # past the length and a hash of the name
                path = folder + content[start : start + 2 * length].decode("utf-16-be")
            if flags & 2:  # a folder
                count, first = struct.unpack_from(">II", content, at + 6)
                nodes += [(child, f"{path}/" if path else "") for child in range(first, first + count)]
            elif not flags & 5:  # neither zlib nor Zstandard
                (data_at,) = struct.unpack_from(">I", content, at + 10)
                (length,) = struct.unpack_from(">I", content, data + data_at)
                files[path] = content[data + data_at + 4 : data + data_at + 4 + length]
    except struct.error as error:
        raise InputError(f"a Qt resource file that ends too early ({error}).") from error
    return files


def recode(encoded: bytes, *, suffix: str, what: str) -> bytes:
    """Reduce a picture to `LONGEST` and write it anew, without alpha and metadata.

    Parameters
    ----------
    encoded : bytes
        A file that OpenCV reads: JPEG, PNG, WebP; turned upright as its metadata say.
    suffix : str
        ".jpg" (quality 95) or ".png".
    what : str
        The picture's name, for the error.

    Raises
    ------
    InputError
        OpenCV cannot read it.
    """
    picture = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise InputError(f"{what}: not an image that OpenCV reads; remove it from pictures.json.")
    scale = LONGEST / max(picture.shape[:2])
    if scale < 1:
        size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 95] if suffix == ".jpg" else []
    return cv2.imencode(suffix, picture, quality)[1].tobytes()


def attribution(packages: Sequence[Package], *, held_out: bool) -> str:
    """Say whose the pictures are, as Markdown: one table a package, as licences ask for it."""
    lines = ["Scaled down and re-encoded; otherwise unchanged.", ""]
    for package in packages:
        if all(picture.held_out != held_out for picture in package.pictures):
            continue
        lines += [
            f"## {package.package} {package.version}",
            "",
            f"Debian package, SHA-256 {package.sha256}. Licences stated in: {package.licence_stated_in}.",
            "",
            "| picture | by | licence | from |",
            "|---|---|---|---|",
            *(
                f"| {package.name(p)} | {p.by} | {p.licence} | {p.source or p.file} |"
                for p in package.pictures
                if p.held_out == held_out
            ),
            "",
        ]
    return "\n".join(lines)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="output folder")
    parser.add_argument(
        "--held-out",
        action="store_true",
        help="fetch the images for evaluation instead of those for training",
    )
    arguments = parser.parse_args()
    began = time.monotonic()
    packages = read_list()
    try:
        written = make_pictures(packages, arguments.output, held_out=arguments.held_out)
    except HowardError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Stopped; run the same command to continue.")
    total = sum(p.held_out == arguments.held_out for package in packages for p in package.pictures)
    print(f"{written} images written, all {total} are there; {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
