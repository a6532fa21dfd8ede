"""HowardMatte in Nuke: a group that has `howard worker` pull mattes and reads them back.

What buttons and menus call is here. Nothing of Nuke is touched before it is called, so the rest can be used
and tested without.
"""

from __future__ import annotations

from typing import Any

__all__ = ["cancel", "create", "knob_changed", "pull", "start_interface"]


def start_interface() -> None:
    """Add menu entry and preference: for Nuke's menu.py."""
    from . import command, host

    host.add_preference(command.PREFERENCE, "Howard command", command.PREFERENCE_HELP)
    host.add_menu("Keyer/Howard Matte", "import howard_nuke; howard_nuke.create()")


def create() -> Any:
    """Make a HowardMatte group.

    Returns
    -------
    nuke.Group
        Empty until a matte is pulled; it passes the plate till then.
    """
    from . import description, graph, host, panel

    document = description.load()
    host.declare_layers(graph.LAYERS)
    return host.create_group(document["name"], panel.knobs(document), graph.nodes(document))


def pull(node: Any, what: str) -> None:
    """Pull the matte of some frames: for the group's buttons, and for scripts.

    With a user interface it returns when the inputs are rendered, and the worker goes on beside Nuke; in a
    terminal it returns when the matte is there.

    Parameters
    ----------
    node : nuke.Group
        Made by `create`.
    what : {"frame", "range"}
        The current frame, or the knobs' range.
    """
    from . import pulling

    pulling.pull(node, what)


def cancel(node: Any) -> None:
    """Stop what is being pulled for a group, between frames."""
    from . import pulling

    pulling.cancel(node)


def knob_changed(node: Any, name: str) -> None:
    """Grey knobs out that do not count, now that one has changed: for the group's callback."""
    from . import description, host, panel

    for knob in description.load()["knobs"]:
        automatic, only = knob["name"] + panel.AUTOMATIC, knob["only_with"] or {}
        if name in (automatic, only.get("knob")):
            now = host.values(node, [automatic, *only.get("knob", "").split()])
            counts = not only or now[only["knob"]] == only["value"]
            host.set_enabled(node, knob["name"], counts and not now.get(automatic, False))
