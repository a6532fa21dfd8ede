"""Alpha and straight foreground in linear light, values above 1 kept; overrides, mattes, steadiness."""

from howard_nodes.solve.composite import comp_error, composite
from howard_nodes.solve.doubt import doubt_of_light, doubt_of_network
from howard_nodes.solve.foreground import PRIOR_STRENGTH, TRUSTED, solve_foreground
from howard_nodes.solve.overrides import apply_inside_outside, merge_override
from howard_nodes.solve.reach import alpha_limit
from howard_nodes.solve.steady import Glimpse, glimpse, steadied
from howard_nodes.solve.unmixing import Evidence, Unmixed, halved, unmix, unmixing_cells

__all__ = [
    "PRIOR_STRENGTH",
    "TRUSTED",
    "Evidence",
    "Glimpse",
    "Unmixed",
    "alpha_limit",
    "apply_inside_outside",
    "comp_error",
    "composite",
    "doubt_of_light",
    "doubt_of_network",
    "glimpse",
    "halved",
    "merge_override",
    "solve_foreground",
    "steadied",
    "unmix",
    "unmixing_cells",
]
