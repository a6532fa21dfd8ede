"""Valid files made invalid: the same number gives the same bytes, on any machine.

Some changes know nothing of a format (bits, runs of bytes, cuts, splices, numbers made huge), some know its
parts: chunks of a PNG with checksums put right, attributes of an EXR, boxes of a movie, members of JSON.
A change that a checksum or a wrong length gives away at once never gets far into a reader.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

__all__ = ["mutated"]

_Change = Callable[[Random, bytearray], bytearray]

_NUMBERS = (0, 1, 2, 7, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 60_000, 1 << 20, 1 << 24, 2**31 - 1, 2**31, 2**32 - 1)
_LONG_NUMBERS = (*_NUMBERS, 2**32, 2**40, 2**63 - 1, 2**63, 2**64 - 1)
_TEXTS = (
    b"",
    b"\0",
    b"\xff\xfe",
    b"%s%n",
    b"../../x",
    b"1e999",
    b"nan",
    b"-1",
    "é".encode("latin-1"),
    b"A" * 300,
)
_ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 0.5, 1e308, float("nan"), float("inf"), 2**31, -(2**31), 2**63, 2**64,
    10**400, "", "x", "0", "nan", "1e999", "x" * 5000, "\0", "\ud800", "../../x", "/dev/zero", "1-999999999",
    "####", "%d",
    [], {}, [[]], [None], {"": None}, [0] * 100, ["frame"], [1, 2], {"frame": 1},
)  # fmt: skip


def mutated(kind: str, seed: int, number: int, seeds: Mapping[str, bytes]) -> tuple[str, bytes]:
    """Make one input.

    Parameters
    ----------
    kind : str
        A kind of `fuzz.seeds`.
    seed, number : int
        Which of all inputs. The first numbers give the seeds as they are.
    seeds : mapping of str to bytes
        Valid files of the kind, by name.

    Returns
    -------
    name : str
        Of the seed that it was made of.
    content : bytes
        The input.
    """
    names = sorted(seeds)
    if number < len(names):
        return names[number], seeds[names[number]]
    random = Random(f"{seed} {kind} {number}")
    name = random.choice(names)
    content = bytearray(seeds[name])
    suffix = name.rpartition(".")[2]
    knowing = _KNOWING.get(suffix, ())
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        if knowing and random.random() < 0.6:
            content = random.choice(knowing)(random, content)
        elif random.random() < 0.06:
            content = _spliced(random, content, seeds[random.choice(names)])
        else:
            content = random.choice(_ANY)(random, content)
    return name, bytes(content)


# Changes that know nothing.


def _place(random: Random, content: bytearray) -> int:
    """Anywhere, more often near the beginning, where headers are."""
    most = len(content) if random.random() < 0.5 else min(len(content), 600)
    return random.randrange(most) if most else 0


def _bits(random: Random, content: bytearray) -> bytearray:
    for _ in range(random.choice((1, 1, 2, 8, 64))):
        if content:
            content[_place(random, content)] ^= 1 << random.randrange(8)
    return content


def _noise(random: Random, content: bytearray) -> bytearray:
    at = _place(random, content)
    size = random.choice((1, 2, 4, 16, 200))
    content[at : at + size] = random.randbytes(len(content[at : at + size]))
    return content


def _run(random: Random, content: bytearray) -> bytearray:
    at = _place(random, content)
    size = len(content[at : at + random.choice((1, 2, 4, 8, 32, 500))])
    content[at : at + size] = random.choice((b"\0", b"\xff")) * size
    return content


def _cut(random: Random, content: bytearray) -> bytearray:
    return content[: _place(random, content)]


def _hole(random: Random, content: bytearray) -> bytearray:
    at = _place(random, content)
    del content[at : at + random.choice((1, 2, 3, 4, 16, 300))]
    return content


def _repeated(random: Random, content: bytearray) -> bytearray:
    at = _place(random, content)
    piece = content[at : at + random.choice((1, 4, 16, 100))]
    content[at:at] = piece * random.choice((1, 1, 2, 50))
    return content


def _integer(random: Random, content: bytearray) -> bytearray:
    size = random.choice((2, 4, 4, 4, 8))
    if len(content) < size:
        return content
    at = min(_place(random, content), len(content) - size)
    at -= at % random.choice((1, 2, 4))
    order = random.choice(("big", "little"))
    old = int.from_bytes(content[at : at + size], order)
    near = (old + 1, old - 1, old * 2, old // 2, -old)
    new = random.choice((*_LONG_NUMBERS, *near)) % (1 << 8 * size)
    content[at : at + size] = new.to_bytes(size, order)
    return content


def _text(random: Random, content: bytearray) -> bytearray:
    """Change a word: an attribute's name or value, a keyword, a tag."""
    words = [match.span() for match in re.finditer(rb"[\w:./ -]{3,}", bytes(content))]
    if not words:
        return content
    begin, end = random.choice(words)
    new = random.choice((*_TEXTS, content[slice(*random.choice(words))]))
    if random.random() < 0.6:  # with the same length, so that what follows stays where it is
        new = bytes(new[: end - begin]).ljust(end - begin, random.choice((b"\0", b" ", b"x")))
    content[begin:end] = new
    return content


def _spliced(random: Random, content: bytearray, other: bytes) -> bytearray:
    return content[: _place(random, content)] + other[_place(random, bytearray(other)) :]


_ANY: tuple[_Change, ...] = (_bits, _noise, _run, _cut, _hole, _repeated, _integer, _integer, _integer, _text)


def _changed_piece(random: Random, piece: bytes) -> bytes:
    return bytes(random.choice(_ANY)(random, bytearray(piece)))


# Changes that know the format.


def _png(random: Random, content: bytearray) -> bytearray:
    """Change, drop or double a chunk; checksums are right again."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        chunks.append((bytes(content[at + 4 : at + 8]), bytes(content[at + 8 : at + 8 + length])))
        at += 12 + length
    if not chunks:
        return content
    which = random.randrange(len(chunks))
    name, data = chunks[which]
    what = random.randrange(6)
    if what == 0:
        del chunks[which]
    elif what == 1:
        chunks.insert(random.randrange(len(chunks)), chunks[which])
    elif what == 2 and name in (b"IDAT", b"iCCP", b"zTXt"):
        begin = data.find(b"x") if name != b"IDAT" else 0
        try:
            inner = _changed_piece(random, zlib.decompress(data[max(begin, 0) :]))
        except zlib.error:
            inner = b""
        chunks[which] = (name, data[: max(begin, 0)] + zlib.compress(inner))
    else:
        chunks[which] = (name, _changed_piece(random, data))
    made = bytearray(content[:8])
    for name, data in chunks:
        made += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return made


_EXR_TYPES = (
    b"int float string box2i v2f v3i m44f timecode rational chlist compression tiledesc stringvector preview "
    b"keycode chromaticities double lineOrder opaque floatvector m33d envmap deepImageState"
).split()


def _exr(random: Random, content: bytearray) -> bytearray:
    """Change an attribute: its name, type, size or value; drop or double it."""
    found, at = list[tuple[int, int, int, int]](), 8
    while at < len(content) and content[at]:
        name_end = content.find(0, at)
        type_end = content.find(0, name_end + 1)
        if name_end < 0 or type_end < 0 or type_end + 5 > len(content):
            break
        (size,) = struct.unpack_from("<i", content, type_end + 1)
        end = type_end + 5 + size
        if size < 0 or end > len(content):
            break
        found.append((at, name_end, type_end, end))
        at = end
    if not found:
        return content
    begin, name_end, type_end, end = random.choice(found)
    name, kind = bytes(content[begin:name_end]), bytes(content[name_end + 1 : type_end])
    value = bytes(content[type_end + 5 : end])
    what = random.randrange(6)
    if what == 0:
        other = random.choice(found)
        name = random.choice((*_TEXTS, bytes(content[other[0] : other[1]]))).replace(b"\0", b"")
    elif what == 1:
        kind = random.choice(_EXR_TYPES)
    elif what == 2 and len(value) >= 4:
        numbers = bytearray(value)
        at = random.randrange(len(value) // 4) * 4
        struct.pack_into("<I", numbers, at, random.choice(_NUMBERS))
        value = bytes(numbers)
    else:
        value = _changed_piece(random, value)
    made = name + b"\0" + kind + b"\0" + struct.pack("<i", len(value)) + value
    if what == 5:
        made = b"" if random.random() < 0.5 else bytes(content[begin:end]) * 2
    content[begin:end] = made
    return content


_HOLDERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts", b"udta", b"iprp", b"ipco"}


def _boxes(content: bytearray, begin: int, end: int) -> list[tuple[int, int, bytes]]:
    """List begin, end and name of all boxes of an ISO media file, those inside others too."""
    found = []
    while begin + 8 <= end and len(found) < 500:
        size, name = struct.unpack_from(">I4s", content, begin)
        stop = end if size == 0 else begin + size
        if size == 1 or stop < begin + 8 or stop > end:
            stop = end
        found.append((begin, stop, name))
        if name in _HOLDERS:
            found += _boxes(content, begin + 8, stop)
        elif name == b"meta":
            found += _boxes(content, begin + 12, stop)
        begin = stop
    return found


def _iso(random: Random, content: bytearray) -> bytearray:
    """Change a box of a movie or HEIC: a number in it, its name, or its size."""
    found = [box for box in _boxes(content, 0, len(content)) if box[2] not in (b"mdat", b"free")]
    if not found:
        return content
    begin, end, _ = random.choice(found)
    what = random.randrange(8)
    if what == 0:
        content[begin + 4 : begin + 8] = random.choice((b"free", random.choice(found)[2]))
    elif what == 1:
        struct.pack_into(">I", content, begin, random.choice(_NUMBERS))
    elif what == 2:
        inside = bytearray(content[begin + 8 : end])
        content[begin + 8 : end] = _noise(random, inside)
    elif end - begin >= 12:
        at = begin + 8 + random.randrange((end - begin - 8) // 4) * 4
        (old,) = struct.unpack_from(">I", content, at)
        new = random.choice((*_NUMBERS, old + 1, old - 1, old << 8, random.getrandbits(32)))
        struct.pack_into(">I", content, at, new % 2**32)
    return content


def _tiff(random: Random, content: bytearray) -> bytearray:
    """Change an entry of the first directory: tag, type, count or value."""
    if len(content) < 8:
        return content
    order = ">" if content[:2] == b"MM" else "<"
    (at,) = struct.unpack_from(f"{order}I", content, 4)
    if at + 2 > len(content):
        return content
    (count,) = struct.unpack_from(f"{order}H", content, at)
    entry = at + 2 + 12 * random.randrange(max(count, 1))
    if entry + 12 > len(content):
        return content
    what = random.randrange(4)
    if what == 0:
        tags = (256, 257, 258, 259, 262, 273, 274, 277, 278, 279, 284, 317, 320, 322, 323, 324, 330, 338, 339,
                347, 700, 32997, 33723, 34377, 34665, 34675, 34853)  # fmt: skip
        struct.pack_into(f"{order}H", content, entry, random.choice(tags))
    elif what == 1:
        struct.pack_into(f"{order}H", content, entry + 2, random.randrange(20))
    else:
        struct.pack_into(f"{order}I", content, entry + (4 if what == 2 else 8), random.choice(_NUMBERS))
    return content


def _jpeg(random: Random, content: bytearray) -> bytearray:
    """Change, drop or double a segment; its length is right again."""
    segments, at = list[tuple[int, int]](), 2
    while at + 4 <= len(content) and content[at] == 0xFF and content[at + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", content, at + 2)
        segments.append((at, at + 2 + length))
        at += 2 + length
    if not segments:
        return content
    begin, end = random.choice(segments)
    data = bytes(content[begin + 4 : end])
    what = random.randrange(5)
    if what == 0:
        made = b""
    elif what == 1:
        made = bytes(content[begin:end]) * 2
    else:
        data = _changed_piece(random, data)[:65_000]
        made = bytes(content[begin : begin + 2]) + struct.pack(">H", len(data) + 2) + data
    content[begin:end] = made
    return content


def _dpx(random: Random, content: bytearray) -> bytearray:
    """Change a field of the header."""
    at = random.randrange(0, 2044, 2)
    if random.random() < 0.6:  # sizes, offsets, and the first element's description
        at = random.choice(
            (4, 8, 16, 20, 24, 28, 768, 770, 772, 776, 780, 784, 788, 792, 796, 800, 802, 804, 808)
        )
    if at + 4 <= len(content):
        number = random.choice((*_NUMBERS, random.randrange(300)))
        struct.pack_into(random.choice(("<I", ">I")), content, at, number)
    return content


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        children = list(value.items())
    else:
        children = list(enumerate(value)) if isinstance(value, list) else []
    return [path, *(inner for key, child in children[:60] for inner in _paths(child, (*path, key)))]


def _json_value(random: Random, value: Any) -> Any:
    """Change one member, wherever it is."""
    path = random.choice(_paths(value))
    if not path:
        return random.choice(_ODD)
    holder = value
    for key in path[:-1]:
        holder = holder[key]
    what, key = random.randrange(7), path[-1]
    if what == 0:
        del holder[key]
    elif what == 1 and isinstance(holder, dict):
        holder[random.choice(("", "x", "frame", "\ud800", *map(str, holder)))] = random.choice(_ODD)
    elif what == 2 and isinstance(holder, list):
        holder += holder[-1:] * random.choice((1, 20))
    elif what == 3 and isinstance(holder[key], int | float):
        holder[key] = random.choice((-1, 0.5, 10, 1e30, 2**70)) * holder[key]
    else:
        holder[key] = random.choice(_ODD)
    return value


def _json(random: Random, content: bytearray) -> bytearray:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return content
    if random.random() < 0.02:
        deep = random.choice((b"[", b'{"a":')) * 100_000
        return bytearray(deep)
    return bytearray(json.dumps(_json_value(random, value)).encode())


def _safetensors(random: Random, content: bytearray) -> bytearray:
    """Change the header; its length is right again."""
    if len(content) < 8:
        return content
    (length,) = struct.unpack_from("<Q", content)
    header = _json(random, content[8 : 8 + length])
    return bytearray(struct.pack("<Q", len(header))) + header + content[8 + length :]


_WORDS = (
    b"", b"0", b"-1", b"nan", b"inf", b"1e999", b"99999999999999999999", b"[", b"{", b"]", b"!<File", b"&a",
    b"*a", b"\t", b"\0", b'"', b": ", b"- ", b"true", b"${HOME}", b"/dev/zero", b"\xff\xfe", b"\xc3",
    b"x" * 3000,
)  # fmt: skip


def _lines(random: Random, content: bytearray) -> bytearray:
    """Change a text by words and lines: drop, double, move, put another in its place."""
    lines = bytes(content).split(b"\n")
    at, other = random.randrange(len(lines)), random.randrange(len(lines))
    what = random.randrange(7)
    if what == 0:
        del lines[at]
    elif what == 1:
        lines[at:at] = [lines[at]] * random.choice((1, 2, 200))
    elif what == 2:
        lines[at], lines[other] = lines[other], lines[at]
    elif what == 3:
        lines[at] = random.choice((b" ", b"   ", b"\t", b"- ")) + lines[at]
    else:
        words = re.split(rb"([\w.+-]+)", lines[at])
        which = random.randrange(len(words))
        words[which] = random.choice((*_WORDS, *re.findall(rb"[\w.+-]+", lines[other])))
        lines[at] = b"".join(words)
    return bytearray(b"\n".join(lines))


_KNOWING: dict[str, tuple[_Change, ...]] = {
    "png": (_png,),
    "exr": (_exr,),
    "tif": (_tiff,),
    "jpg": (_jpeg,),
    "dpx": (_dpx,),
    "mov": (_iso,),
    "mp4": (_iso,),
    "heic": (_iso,),
    "json": (_json,),
    "safetensors": (_safetensors,),
} | dict.fromkeys(("ocio", "cube", "spi1d", "spimtx", "3dl", "csp", "clf", "cdl", "ccc"), (_lines,))
