"""The render farm: a shot as one Open Job Description bundle, and thin adapters that hand it to schedulers.

The engine is never ours. A bundle is a folder that any engine for Open Job Description takes; every adapter
gives its scheduler the same command line for each of its tasks.
"""

from __future__ import annotations

from howard_nodes.farm.bundle import Bundle, FarmStep, Requirements, Task, task_command
from howard_nodes.farm.making import make_bundle
from howard_nodes.farm.template import Farming

__all__ = ["Bundle", "FarmStep", "Farming", "Requirements", "Task", "make_bundle", "task_command"]
