"""Annotators: whoever votes on a pair, behind one protocol; one a file."""

from karl.annotators.base import Annotation, Annotator, Task, Usage

__all__ = ["Annotation", "Annotator", "Task", "Usage"]
