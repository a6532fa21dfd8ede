"""What commands print: lines and tables for people, JSON for machines, warnings on stderr."""

from __future__ import annotations

import json
import logging
import shlex
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = [
    "StderrHandler",
    "on_terminal",
    "print_json",
    "print_pairs",
    "print_table",
    "progress_bar",
    "say_seconds",
    "typed",
    "warn",
]


_MOST_ALIKE = 6


class StderrHandler(logging.Handler):
    """Puts log messages on stderr as warnings, whatever stderr is at that moment.

    A message that comes with every frame of a long shot is shown a few times only.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._shown: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        """Print one message."""
        self._shown[record.msg] += 1
        shown = self._shown[record.msg]
        if shown <= _MOST_ALIKE:
            last = " (further warnings of this kind are not shown)" if shown == _MOST_ALIKE else ""
            warn(f"{record.getMessage()}{last}")


def on_terminal() -> bool:
    """Whether someone looks at stdout."""
    return sys.stdout.isatty()


def warn(message: str) -> None:
    """Print a warning on stderr; a progress bar that is shown moves out of the way."""
    print(f"howard: warning: {message}", file=sys.stderr, flush=True)


def print_json(value: dict[str, Any]) -> None:
    """Print one object as one line."""
    print(json.dumps(value, default=str, ensure_ascii=False), flush=True)


def say_seconds(seconds: float) -> str:
    """Write a duration as people say it: 0.84 s, 42 s, 3 min 20 s, 1 h 05 min."""
    if seconds < 9.95:
        return f"{seconds:.2f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def typed(path: Path) -> str:
    """Write a path as it is typed in a shell, cmd or PowerShell on Windows."""
    return subprocess.list2cmdline([str(path)]) if sys.platform == "win32" else shlex.quote(str(path))


def print_pairs(pairs: Iterable[tuple[str, str]], *, indent: int = 2) -> None:
    """Print names and values in two columns; an empty name goes on with the one above."""
    pairs = list(pairs)
    width = max((len(name) for name, _ in pairs), default=0)
    if not on_terminal():
        for name, value in pairs:
            print(f"{'':{indent}}{name:{width}}  {value}".rstrip())
        return
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", min_width=width, no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs:
        grid.add_row(name, Text(value))
    Console(highlight=False).print(Padding(grid, (0, 0, 0, indent)))


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = False) -> None:
    """Print a table; `numbers` puts all columns but the first at the right."""
    rows = [tuple(row) for row in rows]
    if not on_terminal():
        widths = [max(len(row[i]) for row in (tuple(header), *rows)) for i in range(len(header))]
        for row in (tuple(header), *rows):
            cells = (
                f"{c:>{w}}" if numbers and i else f"{c:{w}}" for i, (c, w) in enumerate(zip(row, widths))
            )
            print("  ".join(cells).rstrip())
        return
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE, pad_edge=False)
    for position, title in enumerate(header):
        table.add_column(title, justify="right" if numbers and position else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console(highlight=False).print(table)


def progress_bar(unit: str) -> Progress:
    """Make a progress bar for a terminal: how many, how many a second, how long still.

    Its tasks have a field `note`, shown at the end, and may have `kept`: how many of those that are done were
    there already. Warnings on stderr appear above it where both are on
    one terminal.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TaskID,
        TextColumn,
    )
    from rich.text import Text

    from howard_nodes.cli.pace import TimeLeft

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:.3g} {unit}/s")

    class Left(ProgressColumn):
        def __init__(self) -> None:
            super().__init__()
            self._of: defaultdict[TaskID, TimeLeft] = defaultdict(TimeLeft)

        def render(self, task: Task) -> Text:
            kept = task.fields.get("kept", 0)
            left = (
                None
                if task.total is None
                else self._of[task.id].update(task.completed - kept, task.total - kept)
            )
            return Text("" if left is None or task.finished else f"{say_seconds(round(left))} left")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        Rate(),
        Left(),
        TextColumn("{task.fields[note]}", style="dim"),
        console=Console(highlight=False),
        speed_estimate_period=60.0,
        redirect_stderr=sys.stderr.isatty(),
    )
