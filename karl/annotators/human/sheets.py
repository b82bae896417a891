"""Pairs as a CSV sheet for people who label elsewhere, and their labels read back.

Spreadsheet programs change what they take for a number, a date or a formula.
An apostrophe in front makes a cell text to them: all ids get one, and all
other cells that could be a formula. Ids lose it again when they are read; the
other cells are for people only and are not read back.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from karl.annotators.base import Task
from karl.annotators.human import Human
from karl.annotators.human.answers import AnswerBook, printable, shown_pairs
from karl.datasets import Catalogue, Votes
from karl.datasets.catalogue import TITLE
from karl.errors import DataError
from karl.files import atomic_path, write_text
from karl.labels import N_LABELS, NO_LABEL, FunctionLabel
from karl.llm.store import Key, NewAnswer

__all__ = ["legend_of", "read_sheet", "record_answers", "write_sheet"]

_IDS: Final = ("item_id_1", "item_id_2")
_TEXT_MARK: Final = "'"
# What begins a formula, full-width too; also behind a separator, where a program that splits at
# another one than ours finds it.
_FORMULA: Final = re.compile("(^|[,;]\\s*)([=+\\-@'\uff1d\uff0b\uff0d\uff20])")
_SEPARATORS: Final = (",", ";", "\t")
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_WORKBOOK: Final = b"PK\x03\x04"
_LABEL: Final = re.compile(rf"([1-{N_LABELS}])(?:[.,]0+)?")
_LEGEND: Final = """\
How to fill in {sheet}

Write one of these numbers into {columns} of each row. The order of the items
matters: 2 and 3 say the same with the items exchanged, and so do 5 and 6.

{labels}

Leave the cell empty where you have not decided yet. Rows may be sorted, and all
columns but the two item ids and {columns} may be changed or removed. The ' in
front of an id keeps spreadsheet programs from changing it; leave it there.

Save the sheet as CSV (in Excel: "CSV UTF-8").
"""


def legend_of(path: Path) -> Path:
    """Return the file beside a sheet that explains it to annotators."""
    return path.with_suffix(".labels.txt")


def write_sheet(
    path: Path,
    catalogue: Catalogue,
    pairs: NDArray[np.integer[Any]],
    codes: NDArray[np.int8],
    columns: Sequence[str] | None = None,
) -> int:
    """Write the pairs that lack a label as a sheet, and the legend beside it.

    Parameters
    ----------
    pairs : ndarray of int, shape (n, 2)
        Row numbers of items 1 and 2.
    codes : ndarray of int8, shape (n, votes)
        The labels that are there; 0 where one is missing.
    columns : sequence of str, optional
        Columns of the catalogue that are shown; all but the id by default.

    Returns
    -------
    int
        Rows written. Of pairs that look the same only one is.
    """
    labels = _label_columns(codes.shape[1])
    # What everybody needs stands left: in a wide sheet the labels would be out of sight.
    shown = sorted(catalogue.shown(columns, "llm.columns"), key=lambda column: column != TITLE)
    names = [_name(column, number, (*_IDS, *labels)) for column in shown for number in (1, 2)]
    rows: dict[str, list[str]] = {}
    for pair, given in zip(shown_pairs(catalogue, pairs, columns), codes, strict=True):
        if (given == NO_LABEL).any():
            cells = [_cell(item.get(column, "")) for column in shown for item in pair.items]
            ids = [_TEXT_MARK + name for name in pair.ids]
            filled = ["" if code == NO_LABEL else str(code) for code in given]
            rows.setdefault(str(pair.items), [*ids, *cells[:2], *filled, *cells[2:]])
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8-sig", newline="") as f:
        writer = csv.writer(f)
        writer.writerow([*_IDS, *names[:2], *labels, *names[2:]])
        writer.writerows(rows.values())
    write_text(legend_of(path), _legend(path, labels))
    return len(rows)


def read_sheet(
    path: Path, catalogue: Catalogue, pairs: NDArray[np.integer[Any]], votes: int = 1
) -> Votes:
    """Read the labels of pairs, shape (n, 2), from a sheet, whichever program saved it.

    A pair given in the other order is mapped by the swap rule. A label that is
    not there yet is 0.

    Raises
    ------
    DataError
        If a pair is none of these, if a label is none, or if a pair has two
        different ones; with file, row and column.
    """
    labels = _label_columns(votes)
    names = catalogue.ids.to_list()
    position = {(names[one], names[two]): at for at, (one, two) in enumerate(pairs.tolist())}
    codes = np.full((len(pairs), votes), NO_LABEL, np.int8)
    given_in: dict[tuple[int, int], int] = {}
    for line, row in _rows(path, (*_IDS, *labels)):
        at, exchanged = _position(path, line, row, position)
        for vote, column in enumerate(labels):
            label = _label(path, line, column, row[column])
            if label is None:
                continue
            code = label.swapped if exchanged else label
            if codes[at, vote] not in (NO_LABEL, code):
                message = (
                    f"the pair already has label {codes[at, vote]} in row {given_in[at, vote]}, "
                    f"here it has {row[column].strip()}"
                )
                hint = "Keep the right one and empty or delete the other."
                raise DataError(message, file=path, row=line, column=column, hint=hint)
            codes[at, vote] = code
            given_in[at, vote] = line
    return Votes(np.asarray(pairs, np.int32), codes)


def record_answers(human: Human, task: Task, votes: Votes, source: str = "") -> int:
    """Write labels into the vote store as if they had been typed; all or none.

    A label that differs from an earlier answer takes its place; where there is
    none the earlier answer stays. Each is kept with its source, and those that
    are new are counted.

    Raises
    ------
    UsageError
        If another process asks on the account.
    DataError
        If pairs that look the same have different labels.
    """
    pairs = shown_pairs(task.dataset.catalogue, votes.items, human.columns)
    with AnswerBook.open(task.account, human.annotator, writing=True) as book:
        known = book.codes(pairs, human.votes)
        given: dict[Key, NewAnswer] = {}
        new: dict[Key, NewAnswer] = {}
        for at, vote in np.argwhere(votes.codes != NO_LABEL).tolist():
            code = int(votes.codes[at, vote])
            answer = book.answer(pairs[at], vote, code, source)
            before = given.setdefault(answer.key, answer)
            if before.value != code:
                raise DataError(
                    f"the pairs {before.items} and {answer.items} look the same, but have labels "
                    f"{before.value} and {code}",
                    hint="Give them the same label, or show more columns (llm.columns).",
                )
            if known[at, vote] != code:
                new[answer.key] = answer
        book.write(list(new.values()))
    return len(new)


def _rows(path: Path, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Give a sheet's rows by column, each with the number of the line in which it starts."""
    text = _decoded(path)
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(_SEPARATORS, key=first.count))
    try:
        header = [name.strip().strip(_TEXT_MARK) for name in next(reader, [])]
        _check_header(path, header, needed)
        start = reader.line_num + 1
        for row in reader:
            # Programs leave trailing cells out, or write rows of nothing but separators.
            if any(cell.strip() for cell in row):
                yield start, dict.fromkeys(header, "") | dict(zip(header, row, strict=False))
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"is malformed: {error}", file=path, row=reader.line_num) from error


def _check_header(path: Path, header: Sequence[str], needed: Sequence[str]) -> None:
    if not header:
        raise DataError("the file is empty", file=path)
    for column in header:
        if column and header.count(column) > 1:
            raise DataError("the header names the column twice", file=path, column=column)
    for column in needed:
        if column not in header:
            hint = f"There are: {', '.join(header)}. Keep the header as it was written."
            raise DataError("the column is missing", file=path, column=column, hint=hint)


def _decoded(path: Path) -> str:
    """Return a sheet's text; only ids and numbers matter, so most encodings will do."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", file=path) from error
    if content.startswith(_WORKBOOK):
        hint = "Save it as CSV (in Excel: 'CSV UTF-8')."
        raise DataError("is a workbook, no CSV file", file=path, hint=hint)
    if content.startswith(_UTF_16):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Such as Shift-JIS, whose second bytes are never a separator or a quote.
        return content.decode("latin-1")


def _position(
    path: Path, line: int, row: dict[str, str], position: dict[tuple[str, str], int]
) -> tuple[int, bool]:
    """Return which pair a row is about, and whether its items are exchanged."""
    cells = [row[column].strip() for column in _IDS]
    for one, two in (cells, [cell.removeprefix(_TEXT_MARK) for cell in cells]):
        if (one, two) in position:
            return position[one, two], False
        if (two, one) in position:
            return position[two, one], True
    message = f"the pair ({cells[0]}, {cells[1]}) is none of those that wait for labels"
    hint = (
        "Leave ids as they were written, with the ' in front; a spreadsheet program may have "
        "changed them. Delete rows of other runs or rounds."
    )
    raise DataError(message, file=path, row=line, column=_IDS[0], hint=hint)


def _label(path: Path, line: int, column: str, cell: str) -> FunctionLabel | None:
    text = unicodedata.normalize("NFKC", cell).strip().removeprefix(_TEXT_MARK)
    if not text:
        return None
    if found := _LABEL.fullmatch(text):
        return FunctionLabel(int(found[1]))
    message = f"'{cell.strip()}' is no label"
    hint = f"Write a number from 1 to {N_LABELS}, or leave the cell empty."
    raise DataError(message, file=path, row=line, column=column, hint=hint)


def _label_columns(votes: int) -> list[str]:
    return ["label"] if votes == 1 else [f"label_{vote + 1}" for vote in range(votes)]


def _name(column: str, number: int, taken: Sequence[str]) -> str:
    """Return the header of a column that is shown, and is not read back."""
    name = f"{column}_{number}"
    return _cell(f"{column} of item {number}" if name in taken else name)


def _cell(text: str) -> str:
    return _FORMULA.sub(rf"\1{_TEXT_MARK}\2", printable(text))


def _legend(path: Path, labels: Sequence[str]) -> str:
    lines = [f"  {int(x)}  {x.wording} ({x.relation.name.lower()})" for x in FunctionLabel]
    columns = " and ".join(f'"{label}"' for label in labels)
    return _LEGEND.format(sheet=path.name, columns=columns, labels="\n".join(lines))
