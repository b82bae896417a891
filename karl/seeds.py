"""Seeds: one number in the configuration, an independent one for every purpose."""

from __future__ import annotations

import hashlib
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

__all__ = ["Seed", "derive_seed", "hash_uniform"]

Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""A seed that scikit-learn and NumPy accept, as a field of a strategy."""


def derive_seed(seed: int, *purpose: str | int) -> int:
    """Return a seed for one purpose, unrelated to those of other purposes.

    Parameters
    ----------
    seed : int
        The seed of the experiment.
    *purpose : str or int
        Such as `"select", 3` for the selection of round 3.

    Returns
    -------
    int
        Between 0 and 2**32 − 1, what scikit-learn accepts.
    """
    text = "\0".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


def hash_uniform(keys: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Return a uniform number in [0, 1) per key that depends on nothing else.

    Used for random draws and for ties, so that neither depends on the order
    in which pairs come. The mixing function is SplitMix64 (Steele, Lea and
    Flood, OOPSLA 2014).

    Parameters
    ----------
    keys : ndarray of int64, any shape
        Such as `pair_keys(items)`.
    seed : int

    Returns
    -------
    ndarray of float64, same shape
    """
    start = (derive_seed(seed, "low") << 32) | derive_seed(seed, "high")
    mixed = keys.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(start)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return np.asarray((mixed >> np.uint64(11)) * 2.0**-53, dtype=np.float64)
