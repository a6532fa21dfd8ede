"""Howard: background matting for compositors, in scene-linear light."""

__all__ = ["__version__"]

__version__ = "0.1.0"
