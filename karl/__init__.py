"""Experiments that learn product relations from few human labels.

The Python API, imported when it is first asked for:

- `karl.experiment("data=demo", sampler="qbc")`: an experiment, to be carried out in memory or in
  a run's folder, in one go or step by step
- `karl.load_data("demo")`, `karl.load_data(catalogue=…, pairs=…)`: a data set
- `karl.labels`: the nine labels and the three relations
- `karl.KarlError`: every error that is meant for people
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from karl.version import __version__

if TYPE_CHECKING:
    from karl import labels as labels
    from karl.api import Session, experiment
    from karl.data import load_data
    from karl.errors import KarlError

__all__ = ["KarlError", "Session", "__version__", "experiment", "labels", "load_data"]

# Where the names are, so that `import karl` costs nothing.
_HOMES: Final = {
    "KarlError": "karl.errors",
    "Session": "karl.api",
    "experiment": "karl.api",
    "load_data": "karl.data",
}


def __getattr__(name: str) -> Any:
    if name == "labels":
        return import_module("karl.labels")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'karl' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
