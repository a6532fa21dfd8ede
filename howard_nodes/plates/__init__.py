"""The clean plate made to fit its plate: registration, photometric match, filling, building one."""

from __future__ import annotations
