"""Nuke: a plug-in that drives the worker, and a model for Nuke's own Inference node."""
