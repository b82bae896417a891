"""People as annotators: at a terminal, or with a sheet that they fill in elsewhere."""

from karl.annotators.human.annotator import Human

__all__ = ["Human"]
