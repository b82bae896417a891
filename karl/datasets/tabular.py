"""Tables in CSV, TSV, Parquet and JSONL as text columns, with errors that name the row.

Every cell is read as text: what a cell should be is decided by whoever reads
the column, who can then say which row is wrong. Cells are trimmed and a blank
one is missing.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, NoReturn

import polars as pl

from karl.datasets.delimited import (
    SEPARATORS,
    check_header,
    check_quotes,
    check_rows,
    line_of,
    not_utf8,
)
from karl.errors import DataError

__all__ = ["ROW", "SUFFIXES", "Table", "open_table"]

ROW: Final = "__row"
"""Column that `Table.read` adds: where the row is in the file, for `Table.error`."""

SUFFIXES: Final = (".csv", ".tsv", ".parquet", ".jsonl")
_JSON_LINES_AT_ONCE: Final = 50_000
# A damaged Parquet file can make polars panic, which is no subclass of Exception.
_FAILURES: Final = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)


@dataclass(frozen=True, eq=False)
class Table:
    """A table file that has been opened but not read.

    Its columns are those without nested ones (lists, structures, raw bytes); `lazy`
    has its rows, with `ROW`.
    """

    path: Path
    columns: tuple[str, ...]
    lazy: pl.LazyFrame

    def read(self, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Read some columns, all of them by default, streaming through the file.

        They are text and come with `ROW`; blank rows are left out.

        Raises
        ------
        DataError
            If a column is missing, a row is malformed, or there is no row.
        """
        wanted = list(self.columns if columns is None else columns)
        for column in wanted:
            self.require(column)
        # The last column shows whether rows are too short: polars pads them.
        last = self.columns[-1]
        selected = wanted if last in wanted else [*wanted, last]
        lines = self.lazy.filter(pl.any_horizontal(pl.col(self.columns).is_not_null()))
        cells = [pl.col(c).cast(pl.String, strict=False).str.strip_chars() for c in selected]
        try:
            frame = lines.select(pl.col(ROW), *cells).collect(engine="streaming")
        except _FAILURES as error:
            _diagnose(self.path, error)
        if _is_delimited(self.path) and frame[last].null_count():
            check_rows(self.path)
        if frame.is_empty():
            raise DataError("has no rows", file=self.path, hint="It holds only a header.")
        texts = pl.col(wanted)
        return frame.select(ROW, pl.when(texts != "").then(texts).name.keep())

    def require(self, column: str) -> None:
        """Raise a DataError unless the table has a column of this name."""
        if column in self.columns:
            return
        close = difflib.get_close_matches(column.lower(), [c.lower() for c in self.columns], 1)
        guess = next((c for c in self.columns if close and c.lower() == close[0]), None)
        raise DataError(
            "the column is missing",
            file=self.path,
            column=column,
            hint=f"There are: {', '.join(self.columns)}."
            + (f" Did you mean '{guess}'?" if guess else "")
            + " Rename it, or (catalogue and pairs) map it: data.columns, data.pair_columns.",
        )

    def refuse(
        self, frame: pl.DataFrame, bad: pl.Expr, column: str, message: str, hint: str | None = None
    ) -> None:
        """Raise a DataError for the first bad row of what `read` gave, or of a part of it.

        In the message `{value}` stands for the cell of the column.
        """
        rows = frame.filter(bad)
        if rows.is_empty():
            return
        more = f" ({rows.height - 1} more like it)" if rows.height > 1 else ""
        value = message.format(value=rows[column][0] if column in rows.columns else "")
        raise self.error(value + more, int(rows[ROW][0]), column, hint)

    def error(
        self, message: str, at: int, column: str | None = None, hint: str | None = None
    ) -> DataError:
        """Return a DataError about the row whose `ROW` is `at`."""
        return DataError(message, file=self.path, row=self.line(at), column=column, hint=hint)

    def line(self, at: int) -> int:
        """Return the row for people of a value of `ROW`.

        In CSV and TSV it is the line number, the header being 1; in JSONL the
        line number; in Parquet rows are counted from 1.
        """
        return line_of(self.path, at) if _is_delimited(self.path) else at + 1


def open_table(path: Path) -> Table:
    """Open a table; the suffix of its name gives the format, which is one of `SUFFIXES`.

    Raises
    ------
    DataError
        If the file is missing, empty, broken or of another format.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(
            f"tables of the kind '{path.suffix.lower()}' cannot be read",
            file=path,
            hint=f"Save it as one of: {', '.join(SUFFIXES)}.",
        )
    if not path.is_file():
        raise DataError("there is no such file", file=path)
    try:
        if path.stat().st_size == 0:
            raise DataError("the file is empty", file=path)
        lazy = _scan(path)
        schema = lazy.collect_schema()
    except _FAILURES as error:
        _diagnose(path, error)
    nested = {c for c, dtype in schema.items() if dtype.is_nested() or dtype == pl.Binary}
    flat = tuple(c for c in schema if c != ROW and c not in nested)
    if _is_delimited(path):
        check_header(path)
    if not flat:
        raise DataError("has no column of text or numbers", file=path)
    return Table(path, flat, lazy if ROW in schema else lazy.with_row_index(ROW))


def _is_delimited(path: Path) -> bool:
    return path.suffix.lower() in SEPARATORS


def _scan(path: Path) -> pl.LazyFrame:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return pl.scan_parquet(path, glob=False)
    if suffix == ".jsonl":
        return _read_jsonl(path).lazy()
    separator = SEPARATORS[suffix]
    return pl.scan_csv(path, separator=separator, infer_schema=False, glob=False)


def _diagnose(path: Path, error: BaseException) -> NoReturn:
    """Say in our words why polars could not read a file."""
    if isinstance(error, OSError):
        raise DataError(f"cannot be read: {error.strerror or error}", file=path) from error
    if _is_delimited(path):
        check_rows(path)
        check_quotes(path)
    reason = str(error).strip().splitlines()[0]
    kind = path.suffix.lower().lstrip(".").upper()
    raise DataError(
        f"is no readable {kind} file: {reason}", file=path, hint="Write or export it again."
    ) from error


def _read_jsonl(path: Path) -> pl.DataFrame:
    """Read a file of one JSON object a line; line by line, so that a broken one is found."""
    with path.open("rb") as lines:
        objects = _objects(path, lines)
        parts = []
        while chunk := list(islice(objects, _JSON_LINES_AT_ONCE)):
            keys = dict.fromkeys(key for _, row in chunk for key in row)
            cells = {key: [_text(row.get(key)) for _, row in chunk] for key in keys}
            rows = {ROW: [at for at, _ in chunk]}
            schema = {ROW: pl.UInt32} | dict.fromkeys(keys, pl.String)
            parts.append(pl.DataFrame(rows | cells, schema=schema))
    if not parts:
        raise DataError("has no rows", file=path)
    return pl.concat(parts, how="diagonal")


def _objects(path: Path, lines: Iterable[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give each object with the position of its line, from 0."""
    for at, line in enumerate(lines):
        try:
            text = line.decode("utf-8-sig" if at == 0 else "utf-8")
            value = json.loads(text) if text.strip() else {}
        except UnicodeDecodeError:
            raise not_utf8(path, at + 1) from None
        except ValueError as error:
            raise DataError(f"is no valid JSON: {error}", file=path, row=at + 1) from None
        if not isinstance(value, dict):
            raise DataError("is no JSON object", file=path, row=at + 1)
        if value:
            yield at, value


def _text(cell: Any) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    return json.dumps(cell, ensure_ascii=False)
