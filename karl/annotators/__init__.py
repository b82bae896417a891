"""Annotators: whoever votes on a pair, behind one protocol; one a file."""

from karl.annotators.base import Annotation, Annotator, Remote, Selective, Task, Usage

__all__ = ["Annotation", "Annotator", "Remote", "Selective", "Task", "Usage"]
