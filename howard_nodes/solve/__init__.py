"""Straight foreground in linear light, values above 1 kept; inside and outside mattes, overrides."""

from howard_nodes.solve.composite import comp_error, composite
from howard_nodes.solve.foreground import PRIOR_STRENGTH, TRUSTED, solve_foreground
from howard_nodes.solve.overrides import apply_inside_outside, merge_override
from howard_nodes.solve.reach import alpha_limit

__all__ = [
    "PRIOR_STRENGTH",
    "TRUSTED",
    "alpha_limit",
    "apply_inside_outside",
    "comp_error",
    "composite",
    "merge_override",
    "solve_foreground",
]
