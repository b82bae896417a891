"""The version of karl."""

__version__ = "0.2.0"
