"""What Howard calls a script's working space."""

from __future__ import annotations

from .errors import PluginError

__all__ = ["working_space"]

# Parts of the names that OpenColorIO configurations have for it, letters and digits only.
_KNOWN = (
    ("acescg", "lin_ap1_scene"),
    ("linap1", "lin_ap1_scene"),
    ("aces20651", "lin_ap0_scene"),
    ("linap0", "lin_ap0_scene"),
    ("linearrec2020", "lin_rec2020_scene"),
    ("linrec2020", "lin_rec2020_scene"),
    ("linearp3d65", "lin_p3d65_scene"),
    ("linp3d65", "lin_p3d65_scene"),
    ("linearrec709", "lin_rec709_scene"),
    ("linrec709", "lin_rec709_scene"),
    ("linearsrgb", "lin_rec709_scene"),
)


def working_space(asked: str, management: str, named: str) -> str:
    """Tell the colour space that the script's numbers are in.

    Parameters
    ----------
    asked : str
        What the group's knob says; may be empty.
    management : str
        Of the project: `Nuke` or `OCIO`.
    named : str
        The project's working space, as the settings show it.

    Returns
    -------
    str
        A name that Howard's own configuration knows, or the one asked for.

    Raises
    ------
    PluginError
        The project's settings leave it open.
    """
    if asked.strip():
        return asked.strip()
    letters = "".join(c for c in named.lower() if c.isalnum())
    if management == "Nuke" or letters == "linear":
        return "lin_rec709_scene"
    for part, space in _KNOWN:
        if part in letters:
            return space
    raise PluginError(
        f"The project's working space is '{named}', which does not tell its primaries. Set it in "
        "the group, tab Files, working space: for example lin_ap1_scene (ACEScg) or "
        "lin_rec709_scene."
    )
