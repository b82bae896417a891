"""Where stages keep what they make: in memory, or in a run's folder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from karl.annotators import Usage
from karl.consensus import Accepted, Ballots
from karl.datasets import Catalogue, pair_keys
from karl.stages.kinds import ACCEPTED, SEED_ROUND, SELECTED, SWAPPED_VOTES, USAGE, VOTES, Kind

__all__ = ["Artefacts", "InFolder", "InMemory"]

T = TypeVar("T")


class Artefacts(ABC):
    """Keeps what stages make, by kind and round."""

    @abstractmethod
    def write(self, kind: Kind[T], number: int, value: T) -> list[Path]:
        """Keep what a round made; return the files that it is in now."""

    @abstractmethod
    def read(self, kind: Kind[T], number: int) -> T:
        """Return what a round made."""

    @abstractmethod
    def has(self, kind: Kind[T], number: int) -> bool:
        """Whether a round made anything of a kind."""

    # What several rounds made.

    def asked(self, up_to: int) -> list[NDArray[np.int64]]:
        """Return the keys of the pairs selected in each of rounds 1 to `up_to`."""
        return [pair_keys(self.read(SELECTED, number).pairs) for number in _rounds(up_to)]

    def accepted(self, up_to: int) -> Accepted:
        """Return the pairs accepted up to a round; none for round 0."""
        return self.read(ACCEPTED, up_to) if up_to > SEED_ROUND else Accepted.none()

    def ballots(self, up_to: int) -> Ballots:
        """Return all votes of rounds 1 to `up_to`."""
        parts = []
        for number in _rounds(up_to):
            voter, _ = self.read(USAGE, number)
            has_swapped = self.has(SWAPPED_VOTES, number)
            swapped = self.read(SWAPPED_VOTES, number) if has_swapped else None
            votes = self.read(VOTES, number)
            parts.append(Ballots.of(votes, voter, round=number, swapped=swapped))
        return Ballots.concat(parts)

    def usage(self, up_to: int) -> Usage:
        """Return what the annotation of rounds 1 to `up_to` took in all."""
        total = Usage()
        for number in _rounds(up_to):
            total += self.read(USAGE, number)[1]
        return total.rounded()


def _rounds(up_to: int) -> range:
    return range(SEED_ROUND + 1, up_to + 1)


@dataclass(frozen=True)
class InMemory(Artefacts):
    """Keeps everything as it is, for the time of the process."""

    kept: dict[tuple[str, int], Any] = field(default_factory=dict)

    def write(self, kind: Kind[T], number: int, value: T) -> list[Path]:
        """Keep a value; there is no file."""
        self.kept[kind.file, number] = value
        return []

    def read(self, kind: Kind[T], number: int) -> T:
        """Return the very value that was kept."""
        value: T = self.kept[kind.file, number]
        return value

    def has(self, kind: Kind[T], number: int) -> bool:
        """Whether there is one."""
        return (kind.file, number) in self.kept


@dataclass(frozen=True)
class InFolder(Artefacts):
    """Keeps everything as files in a run's folder; the catalogue maps item ids to rows."""

    folder: Path
    catalogue: Catalogue

    def write(self, kind: Kind[T], number: int, value: T) -> list[Path]:
        """Write a value to its file, or to several in its folder."""
        path = kind.path(self.folder, number)
        kind.write(path, value, self.catalogue)
        if path.is_file():
            return [path]
        # A writer that was killed may have left a hidden file behind.
        visible = (file for file in path.rglob("*") if not file.name.startswith("."))
        return sorted(file for file in visible if file.is_file())

    def read(self, kind: Kind[T], number: int) -> T:
        """Read a value from its file."""
        return kind.read(kind.path(self.folder, number), self.catalogue)

    def has(self, kind: Kind[T], number: int) -> bool:
        """Whether its file is there."""
        return kind.path(self.folder, number).exists()
