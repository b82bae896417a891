"""An encoder that keeps a record of its calls, in a module that a spawned process can import."""

from __future__ import annotations

import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
from pydantic.dataclasses import dataclass

from karl.datasets import Catalogue
from karl.encoders import ItemVectors, VectorStore

LONG_ENOUGH_TO_OVERLAP_S = 0.3


@dataclass(frozen=True)
class CountingEncoder:
    """Gives the length of each title and writes a line to `log`."""

    log: str
    scale: float = 1.0
    fails: bool = False

    @property
    def text_columns(self) -> Sequence[str]:
        return ["title"]

    def encode(self, catalogue: Catalogue) -> ItemVectors:
        with Path(self.log).open("a") as file:
            file.write("encoded\n")
        if self.fails:
            raise RuntimeError("no memory left")
        lengths = catalogue.table["title"].str.len_chars().to_numpy().astype(np.float32)
        return ItemVectors(self.scale * lengths[:, None], [1])

    @property
    def calls(self) -> int:
        return len(Path(self.log).read_text().splitlines())


@dataclass(frozen=True)
class SlowEncoder(CountingEncoder):
    """Takes long enough for another process to come by meanwhile."""

    def encode(self, catalogue: Catalogue) -> ItemVectors:
        time.sleep(LONG_ENOUGH_TO_OVERLAP_S)
        return super().encode(catalogue)


def get_at_the_same_time(
    barrier: Barrier, folder: Path, catalogue: Catalogue, log: str, result: Path
) -> None:
    """Wait for the other process, get the vectors and save what came."""
    barrier.wait(timeout=60)
    np.save(result, VectorStore(folder).get(catalogue, SlowEncoder(log)).values)
