"""Consensus rules: several votes → one label or none; one a file."""

from karl.consensus.base import Consensus

__all__ = ["Consensus"]
