"""Where a CSV or TSV file is broken: the slow, careful look that follows a failed read.

polars reads these files fast but does not say in which line it failed, and
it fills rows that are too short. These functions go through the file line by
line, in constant memory.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from karl.errors import DataError

if TYPE_CHECKING:
    from _csv import Reader

__all__ = ["SEPARATORS", "check", "check_header", "check_quotes", "line_of", "not_utf8"]

SEPARATORS: Final = {".csv": ",", ".tsv": "\t"}
_LONGEST_FIELD: Final = 2**31 - 1


def check(path: Path) -> None:
    """Check the encoding and that every row has as many fields as the header.

    Raises
    ------
    DataError
        For the first row that is wrong.
    """
    _check_encoding(path)
    with _reader(path) as reader:
        header = _header(reader)
        for start, row in _numbered(reader):
            if any(row) and len(row) != len(header):
                raise DataError(
                    f"has {_fields(len(row))} where the header has {_fields(len(header))}",
                    file=path,
                    row=start,
                    hint="Put a field that contains the separator or a line break in "
                    "double quotes.",
                )


def check_header(path: Path, columns: Sequence[str]) -> None:
    """Check that a header, whose columns polars has named, is UTF-8 and has each column once."""
    if any("\ufffd" in column for column in columns):
        _check_encoding(path)
    try:
        with _reader(path) as reader:
            header = _header(reader)
    except UnicodeDecodeError:
        return  # somewhere behind the header: found when the rows are read
    for position, column in enumerate(header):
        if column in header[:position]:
            raise DataError("the header names the column twice", file=path, column=column)


def check_quotes(path: Path) -> None:
    """Raise a DataError for the first line with an odd number of double quotes."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.count(b'"') % 2:
                raise DataError(
                    "a double quote is left open or stands in a field without quotes",
                    file=path,
                    row=number,
                    hint='Put the field in double quotes and double those within: "5"" nails".',
                )


def line_of(path: Path, record: int) -> int:
    """Return the number of the line in which a record starts; the header is line 1.

    It differs from `record + 2` where fields before it contain line breaks.

    Parameters
    ----------
    path : Path
    record : int
        Number of the record after the header, from 0, blank lines counted.
    """
    try:
        with _reader(path) as reader:
            _header(reader)
            return next(islice(_numbered(reader), record, None))[0]
    except (DataError, StopIteration, UnicodeDecodeError):
        return record + 2


def not_utf8(path: Path, row: int) -> DataError:
    """Return the error for a line that is no UTF-8."""
    return DataError(
        "is not UTF-8 text",
        file=path,
        row=row,
        hint="Save the file as UTF-8 (in a spreadsheet program: 'CSV UTF-8').",
    )


@contextmanager
def _reader(path: Path) -> Iterator[Reader]:
    csv.field_size_limit(_LONGEST_FIELD)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=SEPARATORS[path.suffix.lower()], strict=True)
        try:
            yield reader
        except csv.Error as error:
            raise DataError(
                f"is malformed: {error}",
                file=path,
                row=reader.line_num,
                hint="Look for a double quote that is left open or not doubled.",
            ) from error


def _header(reader: Reader) -> list[str]:
    return next((row for row in reader if row), [])


def _numbered(reader: Reader) -> Iterator[tuple[int, list[str]]]:
    start = reader.line_num + 1
    for row in reader:
        yield start, row
        start = reader.line_num + 1


def _check_encoding(path: Path) -> None:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                raise not_utf8(path, number) from None


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"
