"""The platform. Its version is here and nowhere else: the package and the description of the API read it."""

__version__ = "1.0.0"
