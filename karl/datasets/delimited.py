"""Where a CSV or TSV file is broken: the slow, careful look that follows a failed read.

polars reads these files fast but does not say in which line it failed, and
it fills rows that are too short. These functions go through the file line by
line, in constant memory.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from karl.errors import DataError

__all__ = ["SEPARATORS", "check_header", "check_quotes", "check_rows", "line_of", "not_utf8"]

SEPARATORS: Final = {".csv": ",", ".tsv": "\t"}
_LONGEST_FIELD: Final = 2**31 - 1


def check_rows(path: Path) -> None:
    """Check the encoding and that every row has as many fields as the header.

    Raises
    ------
    DataError
        For the first row that is wrong.
    """
    records = _records(path)
    header = _header(records)
    for start, row in records:
        if any(row) and len(row) != len(header):
            raise DataError(
                f"has {_fields(len(row))} where the header has {_fields(len(header))}",
                file=path,
                row=start,
                hint="Put a field that contains the separator or a line break in double quotes.",
            )


def check_header(path: Path) -> None:
    """Raise a DataError unless the header is UTF-8 and has each column once."""
    header = _header(_records(path))
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
        records = _records(path)
        _header(records)
        return next(islice(records, record, None))[0]
    except (DataError, StopIteration):
        return record + 2


def not_utf8(path: Path, row: int) -> DataError:
    """Return the error for a line that is no UTF-8."""
    return DataError(
        "is not UTF-8 text",
        file=path,
        row=row,
        hint="Save the file as UTF-8 (in a spreadsheet program: 'CSV UTF-8').",
    )


def _header(records: Iterator[tuple[int, list[str]]]) -> list[str]:
    return next((row for _, row in records if row), [])


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Give each record with the line that it starts in; a DataError where it cannot be read."""
    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(_lines(path), delimiter=SEPARATORS[path.suffix.lower()], strict=True)
    start = 1
    try:
        for row in reader:
            yield start, row
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"is malformed: {error}",
            file=path,
            row=reader.line_num,
            hint="Look for a double quote that is left open or not doubled.",
        ) from error


def _lines(path: Path) -> Iterator[str]:
    # Bytes that are no UTF-8 are told by line: a decoder would fail somewhere in its buffer.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                line.encode()
            except UnicodeEncodeError:
                raise not_utf8(path, number) from None
            yield line


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"
