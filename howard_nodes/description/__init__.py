"""What the node is, for every host: its sockets, its knobs, and the options of a job on files.

The one definition. Command line, worker and hosts build what they show from it and check what they are given
against it; neither torch nor numpy is imported here.
"""

from howard_nodes.description.document import describe, schema
from howard_nodes.description.knob import Choice, Knob, checked, counting, knobs_of, taken
from howard_nodes.description.options import OPTIONS, FileOptions
from howard_nodes.description.settings import (
    KNOBS,
    STAGES,
    WORTH_REFINING,
    ComputeSettings,
    FitSettings,
    MatteSettings,
    knobs_checked,
)
from howard_nodes.description.sockets import INPUTS, OUTPUTS, Socket, inputs_checked

__all__ = [
    "INPUTS",
    "KNOBS",
    "OPTIONS",
    "OUTPUTS",
    "STAGES",
    "WORTH_REFINING",
    "Choice",
    "ComputeSettings",
    "FileOptions",
    "FitSettings",
    "Knob",
    "MatteSettings",
    "Socket",
    "checked",
    "counting",
    "describe",
    "inputs_checked",
    "knobs_checked",
    "knobs_of",
    "schema",
    "taken",
]
