"""Reading function-based labels out of what a language model answered.

Models answer with JSON, with JSON amid prose, or with a bare label. Whatever
leaves room for doubt is no answer: asking again costs one call, a wrong label
stays in the training set.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final, Literal

from karl.labels import N_LABELS, FunctionLabel
from karl.llm.prompt import FENCE, Form, find_json, spoken

__all__ = ["FORM", "Problem", "find_problem", "parse_labels"]

Problem = Literal["empty", "json", "label"]
"""What is wrong with an answer: it is empty, is no JSON, or holds no valid label."""

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
_CODE_OF: Final = {label.wording.casefold(): int(label) for label in FunctionLabel}


def parse_labels(text: str, n_pairs: int = 1) -> list[int | None]:
    """Read the labels, 1 to 9, of one or more pairs; None where there is none, or more than one."""
    values, whole = find_json(text)
    if values and whole:
        return FORM.match(values, n_pairs)
    plain = unicodedata.normalize("NFKC", spoken(text))
    if "{" in plain:
        return [None] * n_pairs  # JSON that is cut off or broken
    if n_pairs == 1:
        return [_label_in_text(plain)]
    several = _SEVERAL.fullmatch(_MARKUP.sub("", plain).strip())
    labels = re.findall("[1-9]", several[1]) if several else []
    return list(map(int, labels)) if len(labels) == n_pairs else [None] * n_pairs


def find_problem(text: str) -> Problem:
    """Say what is wrong with an answer in which `parse_labels` found no label."""
    if not spoken(text).strip():
        return "empty"
    values, whole = find_json(text)
    return "label" if values and whole else "json"


def _read(entry: Any) -> int | None:
    value = entry.get("label") if isinstance(entry, dict) else entry
    if isinstance(value, str):
        return _label_in_text(unicodedata.normalize("NFKC", value), named=True)
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 1 <= value <= N_LABELS else None
    return None


FORM: Final = Form(("answers", "labels"), "pair", ("label",), _read, bare=True)
"""How a language model is to lay out its labels."""


def _label_in_text(text: str, *, named: bool = False) -> int | None:
    """Return the one label that words, normalised by NFKC, give.

    Of several lines, the last must name a label, and no other line another one.
    `named` tells that the words are known to be about a label.
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
    return labels.pop() if len(labels) == 1 else None


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
