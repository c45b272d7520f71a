"""The one error of this package."""


class UnusableFile(Exception):
    """The file cannot be read as a table at all; the message says why and what to do."""
