"""Nuke runs this when its user interface starts."""

import howard_nuke  # type: ignore[import-not-found]

howard_nuke.start_interface()
