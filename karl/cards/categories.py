"""A list of major and fine categories: grown or given, then kept to."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import polars as pl

from karl.datasets.catalogue import FINE, MAJOR
from karl.datasets.delimited import SEPARATORS
from karl.datasets.tabular import open_table
from karl.errors import UsageError
from karl.files import atomic_path
from karl.llm.templates import as_data

__all__ = ["MAX_MAJORS", "OTHER", "CategoryList", "clean_name", "write_table"]

OTHER: Final = "other"
"""What a model answers where no category of a list fits."""

MAX_MAJORS: Final = 25
"""So many major categories may grow: few enough to be told apart in one list."""

_MAX_FINES: Final = 1000
_MAX_NAME: Final = 60
_NO_NAME: Final = frozenset({"", OTHER, "others", "misc", "miscellaneous", "none", "n a"})
_NOT_WORDS: Final = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class CategoryList:
    """Major categories, each with its fine ones; the order says nothing.

    Parameters
    ----------
    majors : dict of str to tuple of str
        The fine categories of each major one, all in alphabetical order.
    """

    majors: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str | None]]) -> CategoryList:
        """Make the list of some pairs of a major and a fine category.

        A name that differs only in case or punctuation from one that came
        before is the same category. A fine category may be None.
        """
        found: dict[str, tuple[str, dict[str, str]]] = {}
        for major, fine in pairs:
            _, fines = found.setdefault(_key(major), (major, {}))
            if fine is not None:
                fines.setdefault(_key(fine), fine)
        return cls(
            {major: tuple(sorted(fines.values())) for major, fines in sorted(found.values())}
        )

    @classmethod
    def read(cls, path: Path) -> CategoryList:
        """Read a table with the columns `major_category` and `fine_category`.

        Rows may repeat and a fine category may be blank: a catalogue or a table of cards will do.

        Raises
        ------
        DataError
            If there is no such table or column, or a major category is missing.
        """
        table = open_table(path)
        frame = table.read([MAJOR, FINE])
        lacks_major = pl.col(MAJOR).is_null()
        table.refuse(frame, lacks_major & pl.col(FINE).is_not_null(), MAJOR, "is blank")
        rows = frame.filter(~lacks_major).select(MAJOR, FINE).unique(maintain_order=True).rows()
        return cls.of((_spelled(major), fine and _spelled(fine)) for major, fine in rows)

    def write(self, path: Path) -> None:
        """Write the list as a table that `read` reads; see `write_table`."""
        write_table(pl.DataFrame(self.rows, [MAJOR, FINE], orient="row"), path)

    @property
    def rows(self) -> list[tuple[str, str | None]]:
        """All pairs of a major and a fine category; None below a major one without any."""
        return [(major, fine) for major, fines in self.majors.items() for fine in fines or (None,)]

    def grown_by(self, pairs: Iterable[tuple[str, str]]) -> CategoryList:
        """Return the list with further categories, as far as there is room.

        A fine category that is there already stays where it is: no item then
        has to choose between two of one name.
        """
        known = [(major, fine) for major, fine in self.rows if fine is not None]
        keys, taken = set(self._major_of), {_key(fine) for _, fine in known}
        for major, fine in pairs:
            major_key, fine_key = _key(major), _key(fine)
            room = major_key in keys or len(keys) < MAX_MAJORS
            if room and fine_key not in taken and len(taken) < _MAX_FINES:
                keys.add(major_key)
                taken.add(fine_key)
                known.append((major, fine))
        return CategoryList.of(known)

    def resolve(self, major: str, fine: str) -> tuple[str | None, str | None]:
        """Return the categories of the list that two names mean; None where they mean none.

        A fine category that stands below one major category only decides that
        one, whatever else was said: it says more of an item.
        """
        known = self._major_of.get(_key(major))
        places = self._places_of.get(_key(fine), {})
        if known is not None and known in places:
            return known, places[known]
        if len(places) == 1:
            return next(iter(places.items()))
        return known, None

    @property
    def fines(self) -> list[str]:
        """All fine categories in alphabetical order, each once."""
        return sorted({fine for fines in self.majors.values() for fine in fines})

    def shown(self) -> str:
        """Return the list as it stands in a prompt: one major category a line.

        Names may come from titles, so they are escaped as these are.
        """
        lines = ({MAJOR: major, FINE: "; ".join(fines)} for major, fines in self.majors.items())
        return "\n".join(as_data(line, max_chars=_MAX_FINES * _MAX_NAME) for line in lines)

    @cached_property
    def _major_of(self) -> dict[str, str]:
        return {_key(major): major for major in self.majors}

    @cached_property
    def _places_of(self) -> dict[str, dict[str, str]]:
        places: dict[str, dict[str, str]] = {}
        for major, fine in self.rows:
            if fine is not None:
                places.setdefault(_key(fine), {})[major] = fine
        return places


def clean_name(name: str) -> str | None:
    """Return the name of a new category as it is written; None if it is no name."""
    name = _spelled(name.replace("_", " ")).lower()
    return name if len(name) <= _MAX_NAME and _key(name) not in _NO_NAME else None


def write_table(table: pl.DataFrame, path: Path) -> None:
    """Write a table.

    Raises
    ------
    UsageError
        If the file's name ends neither in .csv nor in .tsv.
    """
    separator = SEPARATORS.get(path.suffix.lower())
    if separator is None:
        raise UsageError(
            f"{path}: tables of the kind '{path.suffix}' are not written",
            hint=f"End its name in one of: {', '.join(SEPARATORS)}.",
        )
    with atomic_path(path) as temporary:
        table.write_csv(temporary, separator=separator)


def _spelled(name: str) -> str:
    printable = (c if c.isprintable() else " " for c in unicodedata.normalize("NFKC", name))
    return " ".join("".join(printable).split())


def _key(name: str) -> str:
    """Return what names have in common that mean one category."""
    return _NOT_WORDS.sub(" ", unicodedata.normalize("NFKC", name).casefold()).strip()
