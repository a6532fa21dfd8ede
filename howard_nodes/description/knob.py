"""A knob: a value with all that a host needs to show it and to check it.

Knobs are declared as fields of the dataclasses that carry their values, with `knob` in place of
`dataclasses.field`.
"""

from __future__ import annotations

import difflib
import math
import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar

from howard_nodes.errors import InputError

__all__ = ["Choice", "Knob", "check_fields", "checked", "counting", "knob", "knobs_of", "named", "taken"]

KnobType = Literal["float", "int", "bool", "choice", "text", "file"]

T = TypeVar("T")

_LONGEST = 4096


@dataclass(frozen=True)
class Choice:
    """One value of a knob that has a few: what is stored, what is shown, and what it does."""

    value: str
    label: str
    help: str


@dataclass(frozen=True)
class Knob:
    """One knob.

    Attributes
    ----------
    name : str
        Its name everywhere: in JSON, in Python, in hosts' scripts.
    type : str
        `float`, `int`, `bool`, `choice`, `text`, or `file` (a path).
    default : object
        None where that is automatic.
    label, help : str
        What a host shows beside it, and as its tooltip.
    group : str
        Knobs of one group stand together.
    minimum, maximum : float, optional
        Limits, both allowed. Values beyond them are refused.
    step : float, optional
        Of a slider or spinner.
    unit : str
        `stops`, `pixels`; empty for none.
    choices : tuple of Choice
        Of type `choice`.
    automatic : str
        What None does, in words; empty where a value is needed. A host shows a check box beside such a knob.
    manual : object
        What such a knob shows first when automatic is switched off.
    stage : str
        First stage of the node that runs again when it changes, one of `STAGES`; empty for options of files.
    only_with : tuple of str, optional
        Another knob and the value that it must have for this one to count: hosts grey it out elsewhere.
    flag : str
        On the command line.
    metavar : str
        What stands for its value there.
    """

    name: str
    type: KnobType
    default: Any
    label: str
    help: str
    group: str
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    unit: str = ""
    choices: tuple[Choice, ...] = ()
    automatic: str = ""
    manual: Any = None
    stage: str = ""
    only_with: tuple[str, str] | None = None
    flag: str = ""
    metavar: str = ""

    def check(self, value: object) -> Any:
        """Make sure of a value.

        Parameters
        ----------
        value : object
            As JSON or Python has it.

        Returns
        -------
        object
            As the knob's type has it: an int becomes a float where that is meant.

        Raises
        ------
        InputError
            The value is of another type or out of range; the message says what would do.
        """
        if value is None:
            if self.automatic:
                return None
            raise self._refused(value, f"needs a value; {self._wanted()}")
        if self.type == "bool":
            if not isinstance(value, bool):
                raise self._refused(value, "must be true or false")
            return value
        if self.type in ("float", "int"):
            return self._number(value)
        if not isinstance(value, str):
            raise self._refused(value, self._wanted())
        if self.type == "choice":
            values = [choice.value for choice in self.choices]
            value = value.strip().lower()
            if value not in values:
                raise self._refused(value, f"{_nearest(value, values)}{self._wanted()}")
        elif len(value) > _LONGEST or any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in value):
            raise self._refused(value, "is too long, or has control characters")
        return value

    def document(self) -> dict[str, Any]:
        """Write it as the node's description has it."""
        return {
            "name": self.name,
            "type": self.type,
            "default": self.default,
            "label": self.label,
            "help": self.help,
            "group": self.group,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "step": self.step,
            "unit": self.unit,
            "choices": [vars(choice) for choice in self.choices],
            "automatic": self.automatic,
            "manual": self.manual,
            "stage": self.stage,
            "only_with": self.only_with and {"knob": self.only_with[0], "value": self.only_with[1]},
            "flag": self.flag,
        }

    def _number(self, value: object) -> float | int:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._refused(value, self._wanted())
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        if not (math.isfinite(number) and low <= number <= high):
            raise self._refused(value, self._wanted())
        if self.type == "float":
            return number
        if number != int(number):
            raise self._refused(value, self._wanted())
        return int(number)

    def _wanted(self) -> str:
        if self.type == "choice":
            return f"use {_listed([choice.value for choice in self.choices])}"
        if self.type in ("text", "file"):
            return "must be text"
        kind = "a whole number" if self.type == "int" else "a number"
        unit = f" {self.unit}" if self.unit else ""
        if self.minimum is not None and self.maximum is not None:
            return f"must be {kind} between {self.minimum:.10g} and {self.maximum:.10g}{unit}"
        if self.minimum is not None:
            return f"must be {kind}, {self.minimum:.10g}{unit} or more"
        return f"must be {kind}"

    def _refused(self, value: object, why: str) -> InputError:
        shown = f"'{_short(value)}'" if isinstance(value, str) else _short(value)
        return InputError(f"{self.name.replace('_', ' ')} {shown}: {why}.")


def knob(
    default: Any,
    *,
    label: str,
    help: str,
    group: str,
    type: KnobType | None = None,
    **more: Any,
) -> Any:
    """Declare a field of a dataclass as a knob.

    Parameters
    ----------
    default : object
        None where that is automatic.
    label, help, group
        As of `Knob`.
    type : str, optional
        By default that of the default value, or `choice` where choices are given.
    **more
        Any other attribute of `Knob`. `choices` may be a dict of values to pairs of label and help.

    Returns
    -------
    dataclasses.Field
        With the knob's description in its metadata.
    """
    choices = tuple(Choice(value, *words) for value, words in more.pop("choices", {}).items())
    if type is None:
        type = "choice" if choices else {float: "float", int: "int", bool: "bool"}[default.__class__]  # type: ignore[assignment]
    about = {"type": type, "label": label, "help": help, "group": group, "choices": choices} | more
    return field(default=default, metadata={"knob": about})


def knobs_of(settings: Any) -> tuple[Knob, ...]:
    """List the knobs that a dataclass declares.

    Parameters
    ----------
    settings : dataclass
        The class, or an instance.

    Returns
    -------
    tuple of Knob
        In order.
    """
    return tuple(
        Knob(
            name=one.name,
            default=one.default,
            **{"flag": f"--{one.name.replace('_', '-')}"} | one.metadata["knob"],
        )
        for one in fields(settings)
        if "knob" in one.metadata
    )


def counting(settings: Any, *stages: str) -> dict[str, Any]:
    """Give the values on which stages depend: of their knobs, those that count as the others are set.

    Parameters
    ----------
    settings : dataclass
        An instance.
    *stages : str
        Of `STAGES`; what comes before them is not included.

    Returns
    -------
    dict of str to object
        By name of knob.
    """
    return {
        one.name: getattr(settings, one.name)
        for one in knobs_of(settings)
        if one.stage in stages
        and (one.only_with is None or getattr(settings, one.only_with[0]) == one.only_with[1])
    }


def check_fields(settings: Any) -> None:
    """Make sure of all knobs of a dataclass's instance: for its `__post_init__`.

    Raises
    ------
    InputError
        One is out of range.
    """
    for one in knobs_of(settings):
        object.__setattr__(settings, one.name, one.check(getattr(settings, one.name)))


def taken(settings: Callable[..., T], values: Mapping[str, Any]) -> T:
    """Make a dataclass of the knobs that it declares.

    Parameters
    ----------
    settings : dataclass
        The class.
    values : mapping of str to object
        By name; knobs of others are left alone, those that are missing have their defaults.

    Returns
    -------
    object
        An instance.

    Raises
    ------
    InputError
        A value that will not do.
    """
    names = [one.name for one in knobs_of(settings)]
    return settings(**{name: values[name] for name in names if name in values})


def checked(values: Mapping[str, Any], among: Iterable[Knob], what: str = "knob") -> dict[str, Any]:
    """Make sure of values by name.

    Parameters
    ----------
    values : mapping of str to object
        Any part of the knobs.
    among : iterable of Knob
        Those there are.
    what : str
        What they are called in messages.

    Returns
    -------
    dict
        The same names, values as `Knob.check` gives them.

    Raises
    ------
    InputError
        A name that is none of them, or a value that will not do.
    """
    known = {one.name: one for one in among}
    return {name: named(name, known, what).check(value) for name, value in values.items()}


def named(name: object, known: Mapping[str, T], what: str) -> T:
    """Give what a name stands for.

    Raises
    ------
    InputError
        It stands for nothing; the message says what is meant or what there is.
    """
    if isinstance(name, str) and name in known:
        return known[name]
    hint = _nearest(str(name), known)
    raise InputError(f"unknown {what} '{_short(name)}': {hint}choose from {', '.join(known)}.")


def _nearest(value: str, values: Iterable[str]) -> str:
    near = difflib.get_close_matches(value[:64], list(values), n=1)
    return f"did you mean '{near[0]}'? " if near else ""


def _listed(values: list[str]) -> str:
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} or {values[-1]}"


def _short(value: object) -> str:
    """Show a value, however large it is, in one short line of plain text."""
    if isinstance(value, str):
        text = value if len(value) <= 60 else f"{value[:57]}..."
        return "".join(c if c.isprintable() else "?" for c in text)
    return reprlib.repr(value)
