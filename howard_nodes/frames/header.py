"""What OpenImageIO says, as text that can be shown and written, whatever bytes a file has for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import OpenImageIO as oiio  # noqa: N813

__all__ = ["attributes_of", "channels_of", "cleaned", "message_of", "text_of"]

_FILL = re.compile(r"[\x00\xff]+\Z")
_LONGEST = 2000  # characters of a message: it may have a line for each row
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def cleaned(text: str | bytes) -> str:
    """Make text of what a file has for it: UTF-8, else Latin-1; fill bytes and control characters left out.

    Parameters
    ----------
    text : str or bytes
        Bytes, or a `str` in which bytes that are no UTF-8 stand as lone surrogates.

    Returns
    -------
    str
        It can be encoded as UTF-8.
    """
    if isinstance(text, str):
        text = text.encode("utf-8", "surrogateescape" if _escaped(text) else "replace")
    try:
        found = text.decode("utf-8")
    except UnicodeDecodeError:
        # Unused fields are filled with 0xFF; it stands for nothing in front of anything else either.
        found = _FILL.sub("", text.decode("latin-1"))
    return _UNPRINTABLE.sub("", found)


def _escaped(text: str) -> bool:
    return all(not "\ud800" <= c <= "\udfff" or "\udc80" <= c <= "\udcff" for c in text)


def text_of(spec: oiio.ImageSpec, name: str) -> str:
    """Give an attribute of a header that is text; empty where it is none."""
    try:
        value = spec.get_bytes_attribute(name)
    except (TypeError, UnicodeError):  # of another type, or without a value
        return ""
    return cleaned(value)


def channels_of(spec: oiio.ImageSpec) -> tuple[str, ...]:
    """Name the channels of a header, in its order."""
    return tuple(map(cleaned, spec.channelnames))


def attributes_of(spec: oiio.ImageSpec) -> Iterator[tuple[str, str, Any]]:
    """Give name, type and value of every attribute of a header that has a value."""
    for attribute in spec.extra_attribs:
        try:
            name, kind, value = attribute.name, str(attribute.type), attribute.value
        except (TypeError, UnicodeError):  # a name that is none, or text without a value
            continue
        if isinstance(value, str):
            value = cleaned(value)
        elif isinstance(value, tuple):
            value = tuple(cleaned(one) if isinstance(one, str) else one for one in value)
        if value is not None and not (isinstance(value, str) and not value):
            yield cleaned(name), kind, value


def message_of(geterror: Callable[[], str]) -> str:
    """Give what OpenImageIO has to say, and have it forget that.

    Parameters
    ----------
    geterror : callable
        Of the library, an input or an output.
    """
    try:
        return cleaned(geterror()[:_LONGEST])
    except UnicodeError:
        return "its header is damaged"
