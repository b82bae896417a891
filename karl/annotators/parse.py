"""Reading function-based labels out of what a language model answered.

Models answer with JSON, with JSON amid prose, or with a bare label. Whatever
leaves room for doubt is no answer: asking again costs one call, a wrong label
stays in the training set.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final, Literal

from karl.labels import N_LABELS, FunctionLabel
from karl.llm.chat import FENCE, number_of, spoken

__all__ = ["Problem", "find_problem", "parse_labels"]

Problem = Literal["empty", "json", "label"]
"""What is wrong with an answer: it is empty, is no JSON, or holds no valid label."""

_Entry = tuple[int | None, int | None]
"""A pair's number, None if none was given, and its label, None if it is invalid."""

_LISTS: Final = ("answers", "labels")

# What may stand before a bare label, as in "The final answer is: label 5".
_LEAD: Final = re.compile(
    r"(?:(?:(?:the|my) )?(?:(?:final|correct|best) )?(?:answer|label|code)\b(?: is\b)?"
    r"|(?:最終)?(?:的な)?(?:回答|答え|ラベル|コード)は?)\s*[:=]?\s*",
    re.IGNORECASE,
)
_MENTION: Final = re.compile(rf"(?:{_LEAD.pattern})([1-9])(?!\d)", re.IGNORECASE)
_CODE: Final = re.compile(r"\(?([1-9])\)?(?:(?:\s*[:.)]|\s+[-–—])\s*(\D.*)?)?")
_ITEM: Final = re.compile(
    r"(?:items?|商品)\s*[12](?:\s*(?:and|or|と|・|、|,|&)\s*(?:item|商品)?\s*[12])?", re.IGNORECASE
)
_END: Final = re.compile(r"(?:です|だ)?[\s.。!]*$")
_MARKUP: Final = re.compile(rf"{FENCE.pattern}|[*_`\"'“”「」]", re.MULTILINE)
_SEVERAL: Final = re.compile(r"\[?\s*([1-9](?:[\s,、;]+[1-9])*)\s*\]?")


def parse_labels(text: str, n_pairs: int = 1) -> list[int | None]:
    """Read the labels of one or more pairs.

    Parameters
    ----------
    text : str
        The answer as it came.
    n_pairs : int
        Pairs that were asked about, numbered from 1.

    Returns
    -------
    list of int or None, length n_pairs
        Codes 1 to 9; None where there is no label, or more than one.
    """
    text = spoken(text)
    plain = unicodedata.normalize("NFKC", text)
    # As it came first: NFKC makes a quotation mark of a full-width one inside a text.
    documents = _documents(text) or _documents(plain)
    if documents:
        return _assign([entry for value in documents for entry in _entries(value)], n_pairs)
    if "{" in plain:
        return [None] * n_pairs  # JSON that is cut off or broken
    if n_pairs == 1:
        return [_label_in_text(plain)]
    several = _SEVERAL.fullmatch(_MARKUP.sub("", plain).strip())
    labels = re.findall("[1-9]", several[1]) if several else []
    return list(map(int, labels)) if len(labels) == n_pairs else [None] * n_pairs


def find_problem(text: str) -> Problem:
    """Say what is wrong with an answer in which `parse_labels` found no label."""
    text = spoken(text)
    if not text.strip():
        return "empty"
    return "label" if _documents(text) else "json"


class _Repeated(ValueError):
    """A JSON object gives a key twice."""


def _unique(items: list[tuple[str, Any]]) -> dict[str, Any]:
    values = {key.strip().casefold(): value for key, value in items}
    if len(values) < len(items):
        raise _Repeated
    return values


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique)


def _documents(text: str) -> list[Any]:
    """Return the JSON value that a text is, or the JSON objects in it.

    A brace that starts no JSON spoils the whole text: what looks like an
    answer behind it may be a quotation, or a part of an answer.
    """
    try:
        return [_DECODER.decode(FENCE.sub("", text).strip())]
    except (ValueError, RecursionError):
        pass
    found, end = [], 0
    while (start := text.find("{", end)) >= 0:
        try:
            value, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            return []
        found.append(value)
    return found


def _entries(value: Any) -> list[_Entry]:
    """Return what a JSON value says about pairs."""
    if isinstance(value, dict):
        for name in _LISTS:
            if isinstance(value.get(name), list):
                return [_entry(item) for item in value[name]]
        return [_entry(value)] if "label" in value else []
    return [_entry(item) for item in value] if isinstance(value, list) else [_entry(value)]


def _entry(value: Any) -> _Entry:
    if not isinstance(value, dict):
        return None, _label(value)
    pair = number_of(value["pair"], "pair") if "pair" in value else None
    return pair, _label(value.get("label"))


def _label(value: Any) -> int | None:
    if isinstance(value, str):
        return _label_in_text(unicodedata.normalize("NFKC", value), named=True)
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 1 <= value <= N_LABELS else None
    return None


def _assign(entries: Sequence[_Entry], n_pairs: int) -> list[int | None]:
    """Give every pair the label that its entries agree on."""
    given: dict[int | None, set[int | None]] = defaultdict(set)
    for pair, label in entries:
        given[pair].add(label)
    if given.keys() == {None}:
        if n_pairs == 1:
            return [_only(given[None])]
        return [label for _, label in entries] if len(entries) == n_pairs else [None] * n_pairs
    # Numbers that were not asked for may be counted from 0: then all are wrong.
    if not given.keys() <= set(range(1, n_pairs + 1)):
        return [None] * n_pairs
    return [_only(given[pair]) for pair in range(1, n_pairs + 1)]


def _only(labels: set[int | None]) -> int | None:
    return next(iter(labels)) if len(labels) == 1 else None


def _label_in_text(text: str, *, named: bool = False) -> int | None:
    """Return the one label that words give.

    Of several lines, the last must name a label, and no other line another one.

    Parameters
    ----------
    text : str
        Normalised by NFKC.
    named : bool
        Whether it is known to be about a label.
    """
    lines = [line for raw in _MARKUP.sub("", text).splitlines() if (line := raw.strip())]
    if len(lines) == 1:
        return _label_of_line(lines[0], named=named)
    if not lines or not _LEAD.match(lines[-1]):
        return None
    labels = {_label_of_line(lines[-1], named=True)}
    for line in lines[:-1]:
        labels |= set(map(int, _MENTION.findall(line)))
        labels |= {_label_of_line(line, named=False)} - {None}
    return _only(labels)


def _label_of_line(line: str, *, named: bool) -> int | None:
    """Return the label that a line gives and does nothing else but explain."""
    while lead := _LEAD.match(line):
        line, named = line[lead.end() :], True
    line = _END.sub("", line)
    if line.casefold() in _CODE_OF:
        return _CODE_OF[line.casefold()]
    match = _CODE.fullmatch(line)
    if match is None:
        return None
    code, explanation = int(match[1]), match[2]
    if explanation is None:
        return code
    stated = _CODE_OF.get(explanation.casefold())
    if stated is not None:
        return code if stated == code else None
    # "1. Pens are …" starts a list unless something says that 1 is a label.
    return code if named and not re.search(r"\d", _ITEM.sub("", explanation)) else None


_CODE_OF: Final = {label.wording.casefold(): int(label) for label in FunctionLabel}
