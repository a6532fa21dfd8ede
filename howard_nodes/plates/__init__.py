"""The clean plate made to fit its plate: registration, photometric match, filling, building one from the shot."""

from __future__ import annotations
