"""Experiments that learn product relations from few human labels."""

__version__ = "0.2.0"
