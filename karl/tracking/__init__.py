"""Reporting runs to an experiment tracker, beside what their folders hold."""

from karl.tracking.base import Tracker, tracked, tracker_of

__all__ = ["Tracker", "tracked", "tracker_of"]
