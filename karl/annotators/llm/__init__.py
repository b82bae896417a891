"""A language model as annotator: what it is asked, and how its answers are read."""

from karl.annotators.llm.annotator import LLM

__all__ = ["LLM"]
