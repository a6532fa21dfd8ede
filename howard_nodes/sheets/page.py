"""The page in the morning: a result's verdicts and pictures in one HTML file, which loads nothing."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from howard_nodes import __version__
from howard_nodes.atomic import write_file
from howard_nodes.frames import format_frames
from howard_nodes.sheets.album import Album, choose_pictures, spread
from howard_nodes.sheets.remarks import (
    KINDS,
    STATES,
    Remark,
    advice_on_fit,
    high_errors,
    jumps,
    state_of,
)

__all__ = ["PAGE_BYTES", "Review", "page_document", "write_page"]

PAGE_BYTES = 9_600_000
"""A page is smaller than this, unless its words alone are more: for more than 100,000 frames."""

_FIRST_LARGE = 30  # frames whose large pictures go before all others' small ones
_FIRST_SMALL = 120
_MOST_WORST = 400
_MOST_REASONS = 6
_LISTED = 200  # without JavaScript
_CLOSE = 0.002  # of alpha: less is no difference between two versions


@dataclass
class Review:
    """What is known of one version of a result.

    Attributes
    ----------
    pattern : str
        Its files.
    frames : tuple of int
        All that must be there.
    album : Album
        Its pictures and measures.
    remarks : list of Remark
        What the check of the files found; what the pictures say is added here.
    fits : dict of int to str
        Messages of the clean plate's fit.
    apart : dict of int to float
        Mean absolute difference of alpha to the version before, where there is one.
    """

    pattern: str
    frames: tuple[int, ...]
    album: Album
    remarks: list[Remark] = field(default_factory=list)
    fits: dict[int, str] = field(default_factory=dict)
    apart: dict[int, float] = field(default_factory=dict)

    def by_frame(self) -> dict[int, list[Remark]]:
        """Give all remarks by frame, each frame's worst first."""
        measured = [("error", high_errors(self.album.errors)), ("jump", jumps(self.album.changes))]
        found = [*self.remarks]
        found += [Remark(frame, kind, text) for kind, told in measured for frame, text in told.items()]
        order = list(KINDS)
        frames: dict[int, list[Remark]] = {}
        for remark in sorted(found, key=lambda one: order.index(one.kind)):
            frames.setdefault(remark.frame, []).append(remark)
        return frames


def page_document(
    after: Review, before: Review | None = None, *, notes: Iterable[str] = (), budget: int = PAGE_BYTES
) -> dict[str, Any]:
    """Gather what a page says and shows.

    Parameters
    ----------
    after : Review
        The result.
    before : Review, optional
        Another version of it.
    notes : iterable of str
        To be said once.
    budget : int
        Bytes.

    Returns
    -------
    dict
        For JSON.
    """
    found = after.by_frame()
    found_before = before.by_frame() if before else {}
    states = _states(after, found)
    states_before = _states(before, found_before) if before else {}
    worst = _worst(after, found, states)
    shot = [
        [
            frame,
            STATES.index(states[frame]),
            _rounded(after.album.errors.get(frame)),
            _rounded(after.album.changes.get(frame)),
            *(
                [STATES.index(states_before.get(frame, "missing")), _rounded(after.apart.get(frame))]
                if before
                else []
            ),
        ]
        for frame in after.frames
    ]
    document: dict[str, Any] = {
        "format": "howard-page",
        "version": 1,
        "howard": __version__,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "name": Path(after.pattern).name,
        "output": after.pattern,
        "frames": format_frames(after.frames),
        "total": len(after.frames),
        "states": STATES,
        "counts": _counts(states),
        "error_layer": after.album.error_layer,
        "kinds": _kinds(found),
        "shot": shot,
        "remarks": {str(frame): _told(ones) for frame, ones in sorted(found.items())},
        "fits": {str(frame): text for frame, text in sorted(after.fits.items()) if frame in found},
        "worst": worst,
        "notes": list(notes),
        "before": None,
    }
    if before is not None:
        document["before"] = {
            "output": before.pattern,
            "counts": _counts(states_before),
            "remarks": {str(frame): _told(ones) for frame, ones in sorted(found_before.items())},
            **_compared(after, states, states_before),
        }
    spent = len(_json(document)) + len(_plain(document).encode()) + len(_parts().encode()) + 4096
    chosen = choose_pictures(_wanted(after, before, worst), budget - spent - 16 * len(after.frames))
    document["pictures"] = {
        str(frame): {name: base64.b64encode(data).decode() for name, data in pictures.items()}
        for frame, pictures in sorted(chosen.items())
    }
    return document


def write_page(path: Path, after: Review, before: Review | None = None, *, notes: Iterable[str] = ()) -> None:
    """Write the page, whole or not at all.

    Parameters
    ----------
    path : Path
        An HTML file.
    after, before, notes
        As of `page_document`.

    Raises
    ------
    WriteError
        It cannot be written.
    """
    write_file(path, _html(page_document(after, before, notes=notes)))


def _html(document: dict[str, Any]) -> str:
    style, script = _part("page.css"), _part("page.js")
    values = {
        "POLICY": (
            "default-src 'none'; img-src data: blob:; "
            f"style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
        ),
        "TITLE": escape(document["name"]),
        "STYLE": style,
        "SCRIPT": script,
        "PLAIN": _plain(document),
        "DATA": _json(document),
    }
    page = _part("page.html")
    # One pass: a value that looks like a placeholder stays as it is.
    pieces = page.split("@@")
    return "".join(values[piece] if place % 2 else piece for place, piece in enumerate(pieces))


def _plain(document: dict[str, Any]) -> str:
    """Say the most important where scripts are not run."""
    counts = ", ".join(f"{count} {state}" for state, count in document["counts"].items() if count)
    lines = [f"<p>{escape(counts)}. To see pictures, allow this page to run its script.</p>", "<ul>"]
    for frame in document["worst"][:_LISTED]:
        said = "; ".join(one["text"] for one in document["remarks"][str(frame)])
        lines.append(f"<li>{frame}: {escape(said)}</li>")
    return "\n".join([*lines, "</ul>"])


def _json(document: dict[str, Any]) -> str:
    """JSON that is safe within a script element, whatever is in its texts."""
    text = json.dumps(document, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _part(name: str) -> str:
    return files("howard_nodes.sheets").joinpath(name).read_text(encoding="utf-8")


def _parts() -> str:
    return "".join(map(_part, ("page.html", "page.css", "page.js")))


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _states(review: Review, found: dict[int, list[Remark]]) -> dict[int, str]:
    return {frame: state_of(one.kind for one in found.get(frame, ())) for frame in review.frames}


def _counts(states: dict[int, str]) -> dict[str, int]:
    counts = Counter(states.values())
    return {state: counts[state] for state in reversed(STATES)}


def _worst(review: Review, found: dict[int, list[Remark]], states: dict[int, str]) -> list[int]:
    """Frames with remarks, the worst first."""

    def badness(frame: int) -> tuple[float, ...]:
        measures = review.album.errors.get(frame, 0.0), review.album.changes.get(frame, 0.0)
        return (STATES.index(states[frame]), -len(found[frame]), -sum(measures), frame)

    return sorted((frame for frame in found if frame in states), key=badness)


def _kinds(found: dict[int, list[Remark]]) -> list[dict[str, Any]]:
    kinds = []
    for name, kind in KINDS.items():
        frames = [frame for frame, ones in found.items() if any(one.kind == name for one in ones)]
        if frames:
            about: dict[str, Any] = {
                "kind": name,
                "state": kind.state,
                "title": kind.title,
                "advice": kind.advice,
            }
            about |= {"count": len(frames), "frames": format_frames(frames)}
            kinds.append(about | {"reasons": _reasons(name, found)})
    return kinds


def _reasons(kind: str, found: dict[int, list[Remark]]) -> list[dict[str, Any]]:
    """Group a kind's remarks by what they call for, the most frequent first, each with an example."""
    groups: dict[str, list[Remark]] = {}
    for ones in found.values():
        for one in ones:
            if one.kind == kind:
                groups.setdefault(_more_advice(one), []).append(one)
    ranked = sorted(groups.items(), key=lambda group: -len(group[1]))
    return [
        {"advice": advice, "text": ones[0].text, "frames": format_frames(one.frame for one in ones)}
        for advice, ones in ranked[:_MOST_REASONS]
    ]


def _told(remarks: list[Remark]) -> list[dict[str, str]]:
    return [
        {"kind": one.kind, "text": one.text} | ({"advice": advice} if (advice := _more_advice(one)) else {})
        for one in remarks
    ]


def _more_advice(remark: Remark) -> str:
    return advice_on_fit(remark.text) if remark.kind in ("failed", "doubtful") else ""


def _compared(after: Review, states: dict[int, str], states_before: dict[int, str]) -> dict[str, Any]:
    level = {
        frame: STATES.index(states[frame]) - STATES.index(states_before.get(frame, "missing"))
        for frame in after.frames
    }
    return {
        "better": format_frames(frame for frame, change in level.items() if change > 0),
        "worse": format_frames(frame for frame, change in level.items() if change < 0),
        "changed": sum(difference > _CLOSE for difference in after.apart.values()),
    }


def _wanted(after: Review, before: Review | None, worst: list[int]) -> Iterator[tuple[int, str, bytes]]:
    """All pictures, the most wanted first."""
    evenly = spread(after.frames)
    changed = sorted(after.apart, key=lambda frame: -after.apart[frame])[:_FIRST_LARGE]
    shown = [frame for frame in worst if frame in after.album.large][:_FIRST_LARGE]
    first = list(dict.fromkeys([*shown, *changed]))
    rest = list(dict.fromkeys([*worst[:_MOST_WORST], *evenly]))
    versions = [("", after.album)] + ([("before_", before.album)] if before else [])

    def large(frames: list[int]) -> Iterator[tuple[int, str, bytes]]:
        for frame in frames:
            for prefix, album in versions:
                for name, picture in album.large.get(frame, {}).items():
                    yield frame, f"{prefix}{name}", picture

    def small(frames: list[int], name: str) -> Iterator[tuple[int, str, bytes]]:
        for frame in frames:
            for prefix, album in versions:
                if picture := album.small.get(frame, {}).get(name):
                    yield frame, f"small_{prefix}{name}", picture

    yield from small(worst[:_FIRST_SMALL], "comp")
    yield from large(first)
    yield from small(evenly, "comp")
    yield from small(rest, "alpha")
    yield from large(rest)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)
