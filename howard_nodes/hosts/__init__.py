"""Skins over the node for the programs that host it: Nuke, ComfyUI."""
