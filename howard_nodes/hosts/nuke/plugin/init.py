"""Nuke runs this at every start, in terminals and on farms too.

Nothing is to be done: the import says at once where the plug-in is damaged.
"""

import howard_nuke  # type: ignore[import-not-found]  # noqa: F401
