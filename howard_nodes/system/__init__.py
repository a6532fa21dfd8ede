"""What differs between Linux, macOS and Windows: asked here, so that other rooms need not know.

`docs/platforms.md` says what was tried where. `client.py` has its own few lines: it is one file for hosts.
"""
