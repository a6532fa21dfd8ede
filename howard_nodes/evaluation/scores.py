"""What an evaluation found: scores by case and method, their means, and tables of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from howard_nodes.evaluation.cases import KINDS
from howard_nodes.evaluation.reliability import Refining, Reliability

__all__ = ["GROUPS", "MEASURES", "OPEN_ENDED", "ErrorMap", "Evaluation", "Score"]

MEASURES = (
    "mad",
    "mad_unknown",
    "mse",
    "grad",
    "conn",
    "foreground_mse",
    "mad_partial",
    "fringe",
    "fringe_shown",
    "mad_in_band",
    "mad_holes",
    "mad_ghosts",
    "mad_coarse",
    "dtssd",
    "change",
    "true_change",
    "floor",
    "seconds",
)
"""What is measured of a case; see `Score`."""

OPEN_ENDED = frozenset({"foreground_mse", "fringe"})
"""Measures of light: one case with the sun in it would outweigh all others in a mean."""

GROUPS: dict[str, tuple[str, ...]] = {"rendered": ("rendered", "scene"), "drawn": ("drawn",)}
"""Sets that are summed up apart, by how their cases were made; targets speak of `rendered`."""


@dataclass(frozen=True)
class Score:
    """How one method did on one case: means over its frames.

    Attributes
    ----------
    case, kind, made : str
        As its note says.
    method : str
        A label of weights, or a rival's name.
    values : dict of str to float
        By `MEASURES`; not a number where there is nothing to measure. Those of mattes are of
        `howard_nodes.evaluation.metrics`; `fringe` and `fringe_shown` are the two of `fringe`. `mad_coarse`
        is the coarse matte's, enlarged. Of sequences: `dtssd`; `change` and `true_change`, how much the matte
        and the truth change from frame to frame; `floor`, how much the matte changes on a still picture with
        other grain in each frame. `seconds` a frame.
    """

    case: str
    kind: str
    made: str
    method: str
    values: dict[str, float]


@dataclass(frozen=True)
class ErrorMap:
    """How honest an error map is, over all first frames.

    Attributes
    ----------
    coarse, full : Reliability
        On the coarse grid (means of areas), and at full size.
    doubt : Reliability
        Of the layer `doubt`: expected and true error of the final alpha, at full size.
    refining : Refining
        What refining by it wins.
    """

    coarse: Reliability
    full: Reliability
    doubt: Reliability
    refining: Refining


@dataclass(frozen=True)
class Evaluation:
    """Everything that was measured.

    Attributes
    ----------
    methods : tuple of str
        Weights first, then rivals.
    scores : tuple of Score
        By method and case.
    knobs : dict of str to str
        What rivals were tuned to.
    error_maps : dict of str to ErrorMap
        By label of weights.
    """

    methods: tuple[str, ...]
    scores: tuple[Score, ...]
    knobs: dict[str, str]
    error_maps: dict[str, ErrorMap]

    def average(
        self, method: str, measure: str, *, kind: str | None = None, group: str | None = None
    ) -> float:
        """Average a measure over cases, each counting alike: the mean, and for `OPEN_ENDED` ones the median.

        Parameters
        ----------
        method, measure : str
            Of `methods` and `MEASURES`.
        kind : str, optional
            Cases of this kind alone.
        group : str, optional
            Cases of this one of `GROUPS` alone.

        Returns
        -------
        float
            Not a number where nothing was measured.
        """
        values = [
            score.values[measure]
            for score in self.scores
            if score.method == method
            and (kind is None or score.kind == kind)
            and (group is None or score.made in GROUPS[group])
            and not math.isnan(score.values[measure])
        ]
        if not values:
            return math.nan
        return float(np.median(values) if measure in OPEN_ENDED else np.mean(values))

    def count(self, *, kind: str | None = None, group: str | None = None) -> int:
        """Count the cases of a kind or group."""
        return len(
            {
                score.case
                for score in self.scores
                if (kind is None or score.kind == kind) and (group is None or score.made in GROUPS[group])
            }
        )

    def kinds(self) -> tuple[str, ...]:
        """Name the kinds that occur, in the order of tables."""
        there = {score.kind for score in self.scores}
        return tuple(kind for kind in KINDS if kind in there)

    def groups(self) -> tuple[str, ...]:
        """Name the groups that occur."""
        there = {score.made for score in self.scores}
        return tuple(group for group, made in GROUPS.items() if there.intersection(made))

    def document(self) -> dict[str, Any]:
        """Write all of it for JSON; what is not a number becomes null."""
        summary = {
            method: {
                name: {measure: _number(self.average(method, measure, **where)) for measure in MEASURES}
                for name, where in (
                    *((group, {"group": group}) for group in self.groups()),
                    *((kind, {"kind": kind}) for kind in self.kinds()),
                )
            }
            for method in self.methods
        }
        return {
            "cases": len({score.case for score in self.scores}),
            "summary": summary,
            "rivals": self.knobs,
            "error_maps": {
                name: {
                    "coarse": _plain(vars(found.coarse)),
                    "full": _plain(vars(found.full)),
                    "doubt": _plain(vars(found.doubt)),
                    "refining": _plain(vars(found.refining) | {"won": found.refining.won}),
                }
                for name, found in self.error_maps.items()
            },
            "scores": [vars(score) | {"values": _plain(score.values)} for score in self.scores],
        }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, tuple):
            return [plain(one) for one in value]
        return _number(value) if isinstance(value, float) else value

    return {name: plain(value) for name, value in values.items()}
