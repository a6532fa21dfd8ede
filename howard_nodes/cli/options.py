"""The node's sockets, knobs and options as flags of a command."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from howard_nodes.description import INPUTS, KNOBS, OPTIONS, Knob, Socket

if TYPE_CHECKING:
    from howard_nodes.description.job import Job

__all__ = ["Json", "OpenJD", "as_job", "described"]

Json = Annotated[bool, typer.Option("--json", help="Print events as JSON lines on stdout.")]
"""The flag that all jobs have."""

OpenJD = Annotated[
    bool,
    typer.Option(
        "--openjd", help="Run as a farm task: print OpenJD progress lines; the output folder must exist."
    ),
]
"""The flag of what runs as a farm's task."""

_OVERRIDES = "Overrides"
_WIDEST = 40  # characters of choices that are shown in place of a name
_TYPES: dict[str, type] = {"float": float, "int": int, "bool": bool}


def described(
    *, only: Collection[str] | None = None, without: Collection[str] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the described sockets, knobs and options as flags.

    The command takes them as ``**values``, by the names of the description; `as_job` makes a job of them.
    The plate is an argument and the output ``-o``.

    Parameters
    ----------
    only : collection of str, optional
        Names to take, `output` among them; by default all.
    without : collection of str
        Names to leave out.
    """

    def wanted(name: str) -> bool:
        return name not in without and (only is None or name in only)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def wrapper(**values: Any) -> None:
            command(**values)

        own = inspect.signature(command, eval_str=True).parameters.values()
        flags = [*_sockets(wanted), *(_flag(one) for one in (*OPTIONS, *KNOBS) if wanted(one.name))]
        parameters = [*flags, *(one for one in own if one.kind is not one.VAR_KEYWORD)]
        # What is required goes first, as Python wants it; the order of the flags is that of the help.
        parameters.sort(key=lambda one: one.default is not one.empty)
        wrapper.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [one.replace(kind=one.KEYWORD_ONLY) for one in parameters]
        )
        wrapper.__annotations__ = {one.name: one.annotation for one in parameters}
        return wrapper

    return decorate


def as_job(values: dict[str, Any]) -> Job:
    """Make a job of what a command was given.

    Parameters
    ----------
    values : dict
        All described values by name, and `output`.

    Returns
    -------
    Job
        Checked.

    Raises
    ------
    InputError
        A value that will not do.
    """
    from howard_nodes.description.job import Job

    def part(described: tuple[Any, ...]) -> dict[str, Any]:
        return {one.name: values[one.name] for one in described if one.name in values}

    inputs = part(INPUTS)
    required = [socket.name for socket in INPUTS if socket.required and socket.name in inputs]
    return Job.of(inputs, values["output"], part(KNOBS), part(OPTIONS), required=required)


def _sockets(wanted: Callable[[str], bool]) -> Iterator[inspect.Parameter]:
    for socket in INPUTS:
        if wanted(socket.name):
            yield _socket(socket)
    if not wanted("output"):
        return
    output = typer.Option(
        "-o", "--output", metavar="OUT", help="Output file or sequence, such as out/shot.####.exr."
    )
    yield inspect.Parameter("output", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[str, output])


def _socket(socket: Socket) -> inspect.Parameter:
    if not socket.flag:
        about: Any = typer.Argument(
            metavar=socket.name.upper(),
            help=f"{socket.help} A sequence (plate.####.exr), a movie or one file.",
        )
    else:
        about = typer.Option(
            socket.flag,
            metavar="CLEAN" if socket.required else "MATTE",
            help=f"{socket.label}. {socket.help}",
            rich_help_panel=None if socket.required else _OVERRIDES,
        )
    required = socket.required
    return inspect.Parameter(
        socket.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if required else None,
        annotation=Annotated[str if required else str | None, about],
    )


def _flag(knob: Knob) -> inspect.Parameter:
    kind = _TYPES.get(knob.type, str)
    values = "|".join(choice.value for choice in knob.choices)
    option = typer.Option(
        knob.flag,
        metavar=knob.metavar or (values if len(values) < _WIDEST else "NAME") or None,
        help=_help(knob),
        rich_help_panel=knob.group,
        show_default=not knob.automatic and knob.type != "bool",
    )
    return inspect.Parameter(
        knob.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=knob.default,
        annotation=Annotated[kind | None if knob.automatic else kind, option],
    )


def _help(knob: Knob) -> str:
    words = [knob.help]
    if len(knob.choices) > 5:
        words.append(f"One of {', '.join(choice.value for choice in knob.choices)}.")
    else:
        words += [f"{choice.value}: {choice.help[0].lower()}{choice.help[1:]}" for choice in knob.choices]
    if knob.automatic:
        words.append(f"By default {knob.automatic}.")
    return " ".join(words)
