"""The benchmark's page: tables, plots and pictures, worst cases first; nothing on it comes from elsewhere."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np
import torch

from howard_nodes.atomic import write_file
from howard_nodes.color.encoding import encode
from howard_nodes.evaluation.cases import Case
from howard_nodes.evaluation.reliability import Reliability
from howard_nodes.evaluation.scores import Evaluation, Score

__all__ = ["ReportPage"]

_WIDTH = 480
_QUALITY = 88
_GREEN = np.array([0.05, 0.25, 0.08], np.float32)  # linear; what comps show their edges on
_FLOORS = 1.5

_STYLE = """
body { background: #1b1b1d; color: #ececee; font: 15px/1.5 system-ui, sans-serif; margin: 2em auto;
  max-width: 2000px; padding: 0 2em; }
h1, h2, h3 { font-weight: 600; margin: 1.6em 0 .4em; }
p, li { max-width: 60em; color: #c8c8ce; }
table { border-collapse: collapse; margin: .6em 0 1.4em; }
th, td { padding: .2em .9em .2em 0; text-align: right; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
th { color: #96969c; font-weight: 500; border-bottom: 1px solid #444; }
td.best { color: #8fd694; }
.row { display: flex; flex-wrap: wrap; gap: 12px; margin: 0 0 12px; }
figure { margin: 0; width: 360px; }
img { width: 360px; display: block; background: #000; }
figcaption { color: #96969c; font-size: 13px; }
svg text { fill: #96969c; font: 12px system-ui, sans-serif; }
"""

_CLOSE = 240, 320  # pixels of a window shown at 1:1
_MEASURES = (
    ("MAD", "mad"),
    ("MAD, unknown band", "mad_unknown"),
    ("MSE", "mse"),
    ("Grad", "grad"),
    ("Conn", "conn"),
    ("foreground MSE", "foreground_mse"),
    ("partial", "mad_partial"),
    ("fringe", "fringe"),
    ("fringe, ΔE", "fringe_shown"),
    ("dtSSD", "dtssd"),
    ("MAD, coarse", "mad_coarse"),
    ("s / frame", "seconds"),
)

_LEGEND = """
<ul>
<li>Every case runs through the node with default settings, from EXR files: the clean plate is registered and
its exposure matched, coarse matte, refinement, foreground in linear light. Each case counts the same; a
sequence counts as the mean of its frames. Lower is better.</li>
<li>MAD and MSE of alpha x 1000; the unknown band is within 10 pixels of coverage of 0.02 to 0.98. Grad and
Conn / 1000, after Rhemann et al. (CVPR 2009), over the whole picture. dtSSD x 100, after Erofeev et al. (BMVC
2015).</li>
<li>Foreground MSE x 1000: straight foregrounds in scene-linear light, both times the true alpha, where that
is above 0.05; of the middle case, since light has no upper limit.</li>
<li>Partial: MAD where true coverage is partial, 0.02 to 0.98. Fringe: comps over black, grey, white, red,
green and blue beside the true ones, in the unknown band: mean difference x 1000 in linear light (of the
middle case), and as CIE 1976 ΔE on a display.</li>
<li>The rivals get the clean plate that the node fitted with the first weights, and the knobs with the least
MAD on this set. Their time is the key's alone, without the fit.</li>
<li>True colours: the first weights' mattes, asked of the light again with the true foreground colour as far
as they are in doubt. What is between is what knowing the colours better would give.</li>
</ul>
"""


class ReportPage:
    """Gathers pictures while cases run, and writes the page when they are done.

    Parameters
    ----------
    folder : Path
        Gets `index.html`, `results.json` and a folder of pictures; made where it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, case: Case, method: str, pictures: Mapping[str, np.ndarray]) -> None:
        """Keep small pictures of a case's first frame, as `howard_nodes.evaluation.evaluate.Pictures` says.

        Raises
        ------
        WriteError
            They cannot be written.
        """
        truth, alpha = pictures["truth"], pictures["alpha"]
        shown: dict[str, np.ndarray] = {"alpha": alpha, "difference": _signed(alpha - truth)}
        if "plate" in pictures:
            over = pictures["foreground"] * alpha[..., None] + (1 - alpha[..., None]) * _GREEN
            shown |= {name: pictures[name] for name in ("truth", "coarse", "error")}
            shown |= {name: _display(pictures[name]) for name in ("plate", "clean")}
            shown["over"] = _display(over)
        window = _close(truth)
        closer = ("truth", "alpha", "difference", "plate", "over")
        shown |= {f"{what}-close": shown[what][window] for what in closer if what in shown}
        for what, picture in shown.items():
            write_file(self.folder / _thumbnail(case.name, method, what), _jpeg(picture))

    def write(self, evaluation: Evaluation) -> None:
        """Write `index.html` and `results.json`.

        Raises
        ------
        WriteError
            They cannot be written.
        """
        body = "\n".join(
            (
                "<h1>Howard: benchmark</h1>",
                _LEGEND,
                *_tables(evaluation),
                *_error_maps(evaluation),
                *_sequences(evaluation),
                *_cases(evaluation),
            )
        )
        page = (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Howard: '
            f"benchmark</title><style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
        )
        write_file(self.folder / "results.json", json.dumps(evaluation.document(), indent=1) + "\n")
        write_file(self.folder / "index.html", page)


def _tables(evaluation: Evaluation) -> Iterable[str]:
    for group in evaluation.groups():
        yield f"<h2>{group.capitalize()} set: {evaluation.count(group=group)} cases</h2>"
        rows = [
            (method, [evaluation.average(method, name, group=group) for _, name in _MEASURES])
            for method in evaluation.methods
        ]
        yield _table(("", *(title for title, _ in _MEASURES)), rows)
    kinds = [(kind, f"{kind} ({evaluation.count(kind=kind)})") for kind in evaluation.kinds()]
    for title, name in (("MAD by kind", "mad"), ("MAD of partial coverage by kind", "mad_partial")):
        yield f"<h2>{title}</h2>"
        yield _table(
            ("", *(title for _, title in kinds)),
            [
                (method, [evaluation.average(method, name, kind=kind) for kind, _ in kinds])
                for method in evaluation.methods
            ],
        )
    yield "<h2>Where the error is</h2><p>Parts of the MAD: in the unknown band, holes in the subject, "
    yield "ghosts in the background.</p>"
    for method in evaluation.methods:
        places = (("band", "mad_in_band"), ("holes", "mad_holes"), ("ghosts", "mad_ghosts"))
        yield f"<h3>{escape(method)}</h3>"
        yield _table(
            ("", *(title for _, title in kinds)),
            [
                (title, [evaluation.average(method, name, kind=kind) for kind, _ in kinds])
                for title, name in places
            ],
            mark=False,
        )
    if evaluation.knobs:
        knobs = (f"<li>{escape(name)}: {escape(words)}</li>" for name, words in evaluation.knobs.items())
        yield f"<h2>Best knobs of the rivals</h2><ul>{''.join(knobs)}</ul>"


def _error_maps(evaluation: Evaluation) -> Iterable[str]:
    if not evaluation.error_maps:
        return
    yield (
        "<h2>Is the error map accurate?</h2><p>Mean true error of the coarse matte over predicted error, on "
    )
    yield "the coarse grid (filled) and at full size (hollow); larger dots are more pixels. An accurate "
    yield "map follows the diagonal.</p><div class=row>"
    for method, found in evaluation.error_maps.items():
        note = (
            f"{method}: calibration error {found.coarse.calibration_error:.2f} (x 1000), "
            f"rank correlation {found.coarse.rank_correlation:.2f}; doubt of the final alpha: "
            f"{found.doubt.calibration_error:.2f}, {found.doubt.rank_correlation:.2f}"
        )
        plot = _plot(found.coarse, found.full)
        yield f"<figure>{plot}<figcaption>{escape(note)}</figcaption></figure>"
    yield "</div><p>MAD by share refined, of first frames. Gain: the share of the gain of refining "
    yield "everything that refining the tenth with the highest predicted error gives.</p>"
    rows = []
    for method, found in evaluation.error_maps.items():
        refining = found.refining
        values = [refining.nothing, refining.everything, refining.tenth, refining.random, refining.best]
        rows.append((method, [*values, refining.won]))
    header = ("", "nothing", "everything", "predicted tenth", "random tenth", "best tenth", "gain")
    yield _table(header, rows, mark=False)


def _sequences(evaluation: Evaluation) -> Iterable[str]:
    scores = [score for score in evaluation.scores if not math.isnan(score.values["dtssd"])]
    if not scores:
        return
    yield "<h2>Steadiness</h2><p>Change: how much a matte changes from frame to frame (root mean square x "
    yield "100). Floor: the matte's change on the first frame repeated with different grain, which "
    yield (
        f"is the effect of grain alone. The aim is a change of at most the truth's plus {_FLOORS} floors.</p>"
    )
    rows = []
    for score in scores:
        values = score.values
        most = values["true_change"] + _FLOORS * values["floor"]
        row = [values["dtssd"], values["change"], values["true_change"], values["floor"], most]
        rows.append((f"{score.case}, {score.method}", row))
    yield _table(("", "dtSSD", "change", "true change", "floor", "change at most"), rows, mark=False)


def _cases(evaluation: Evaluation) -> Iterable[str]:
    first = evaluation.methods[0]
    by_case: dict[str, dict[str, Score]] = {}
    for score in evaluation.scores:
        by_case.setdefault(score.case, {})[score.method] = score
    order = sorted(by_case, key=lambda name: -by_case[name][first].values["mad"])
    yield f"<h2>Cases, worst for {escape(first)} first</h2><p>Difference: red where alpha is too high, "
    yield "blue where it is too low.</p>"
    for name in order:
        scores = by_case[name]
        score = scores[first]
        yield f"<h3>{escape(name)}: {score.kind}, {score.made}</h3><div class=row>"
        for what, title in (("plate", "plate"), ("clean", "fitted clean plate"), ("truth", "truth")):
            yield _figure(name, first, what, title)
        yield "</div>"
        for method, one in scores.items():
            yield "<div class=row>"
            yield _figure(name, method, "alpha", f"{method}: alpha, MAD {one.values['mad']:.2f}")
            yield _figure(name, method, "difference", "difference")
            if method in evaluation.error_maps:
                yield _figure(name, method, "over", "over green")
                yield _figure(name, method, "coarse", f"coarse matte, MAD {one.values['mad_coarse']:.2f}")
                yield _figure(name, method, "error", "error map")
            yield "</div>"
        yield "<p>1:1, where most coverage is partial:</p><div class=row>"
        for what in ("plate", "truth"):
            yield _figure(name, first, f"{what}-close", what)
        for method in scores:
            yield _figure(name, method, "alpha-close", f"{method}: alpha")
            if method in evaluation.error_maps:
                yield _figure(name, method, "over-close", "over green")
        yield "</div>"


def _table(header: Iterable[str], rows: Iterable[tuple[str, list[float]]], *, mark: bool = True) -> str:
    rows = list(rows)
    best = [
        min((row[1][column] for row in rows if not math.isnan(row[1][column])), default=math.nan)
        for column in range(len(rows[0][1]))
    ]
    lines = ["<table><tr>", *(f"<th>{escape(title)}</th>" for title in header), "</tr>"]
    for name, values in rows:
        cells = (
            f"<td{' class=best' if mark and len(rows) > 1 and value == least else ''}>{_number(value)}</td>"
            for value, least in zip(values, best, strict=True)
        )
        lines.append(f"<tr><td>{escape(name)}</td>{''.join(cells)}</tr>")
    return "".join((*lines, "</table>"))


def _plot(coarse: Reliability, full: Reliability) -> str:
    side, margin = 270, 44
    lines = [f'<svg width="{side + 2 * margin}" height="{side + 2 * margin}" role="img">']

    def at(x: float, y: float) -> tuple[float, float]:
        return margin + x * side, margin + (1 - y) * side

    (x0, y0), (x1, y1) = at(0, 0), at(1, 1)
    lines.append(f'<rect x="{x0}" y="{y1}" width="{side}" height="{side}" fill="none" stroke="#444"/>')
    lines.append(f'<line x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}" stroke="#666" stroke-dasharray="4 4"/>')
    for found, fill in ((full, "none"), (coarse, "#6fb1ff")):
        for count, predicted, true in zip(found.count, found.predicted, found.true, strict=True):
            if count:
                x, y = at(predicted, true)
                radius = 1.5 + 1.2 * math.log10(count)
                lines.append(
                    f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{fill}" stroke="#6fb1ff"/>'
                )
    for tick in (0.0, 0.5, 1.0):
        lines.append(f'<text x="{at(tick, 0)[0] - 8}" y="{y0 + 18}">{tick:g}</text>')
        lines.append(f'<text x="{x0 - 26}" y="{at(0, tick)[1] + 4}">{tick:g}</text>')
    lines.append(f'<text x="{x0 + side / 2 - 40}" y="{y0 + 36}">predicted error</text>')
    lines.append(f'<text x="{x0 + 8}" y="{y1 + 18}">true error</text></svg>')
    return "".join(lines)


def _figure(case: str, method: str, what: str, title: str) -> str:
    source = quote(str(_thumbnail(case, method, what)))
    return (
        f'<figure><img src="{source}" alt="{escape(title)}" loading="lazy">'
        f"<figcaption>{escape(title)}</figcaption></figure>"
    )


def _thumbnail(case: str, method: str, what: str) -> Path:
    return Path("pictures", f"{_slug(case)}.{_slug(method)}.{what}.jpg")


def _slug(text: str) -> str:
    return re.sub(r"[^\w-]+", "-", text).strip("-")


def _close(truth: np.ndarray) -> tuple[slice, slice]:
    """Find the window that holds most partial coverage, by the truth alone: the same for all methods."""
    height, width = truth.shape
    size = min(height, _CLOSE[0]), min(width, _CLOSE[1])
    partial = ((truth > 0.02) & (truth < 0.98)).astype(np.float32)
    sums = cv2.boxFilter(partial, -1, (size[1], size[0]), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
    sums = sums[: height - size[0] + 1, : width - size[1] + 1]
    row, column = divmod(int(sums.argmax()), sums.shape[1])
    return slice(row, row + size[0]), slice(column, column + size[1])


def _signed(difference: np.ndarray) -> np.ndarray:
    """Show what is too much in red, what is too little in blue, small errors lifted."""
    high, low = (np.sqrt(np.maximum(part, 0.0)) for part in (difference, -difference))
    return np.dstack([high, 0.35 * np.maximum(high, low), low])


def _display(linear: np.ndarray) -> np.ndarray:
    return encode(torch.from_numpy(np.array(linear, np.float32))).numpy()


def _jpeg(picture: np.ndarray) -> bytes:
    height, width = picture.shape[:2]
    if width > _WIDTH:
        picture = cv2.resize(picture, (_WIDTH, round(_WIDTH * height / width)), interpolation=cv2.INTER_AREA)
    levels = (np.clip(picture, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    pixels = levels if levels.ndim == 2 else cv2.cvtColor(levels, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return bytes(encoded)


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"
