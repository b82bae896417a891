"""The words by which a language model is asked for labels of ordered pairs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray

from karl.annotators.llm.labels import FORM, find_problem, parse_labels
from karl.datasets import LabelledPairs, ordered_pair_keys
from karl.errors import ConfigError
from karl.files import hash_json
from karl.labels import N_LABELS
from karl.llm.prompt import Message, Question, ask_again, chat_of
from karl.llm.templates import Template, as_data, check_shown_once, load_template
from karl.seeds import derive_seed, hash_uniform

__all__ = [
    "Example",
    "LabelPrompt",
    "Language",
    "choose_examples",
    "guess_language",
    "label_template",
    "pair_content",
]

Language = Literal["en", "ja"]

_TEMPLATES: Final = Path(__file__).parent / "templates"
_VARIABLES: Final = {
    "system": ("examples", "rationale", "several"),
    "user": ("pairs", "rationale", "several"),
    "repair": ("problem", "rationale"),
}
_PROBLEMS: Final = ("empty", "json", "label")
_TOKENS: Final = 32
_TOKENS_WITH_RATIONALE: Final = 256
_KANA_OR_KANJI: Final = re.compile("[\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff66-\uff9f]")


@dataclass(frozen=True)
class Example:
    """A pair whose label the prompt shows.

    Parameters
    ----------
    content : str
        The pair, as `pair_content` writes it.
    label : int
        Code 1 to 9.
    """

    content: str
    label: int


@dataclass(frozen=True)
class LabelPrompt:
    """Asks for one of the nine function-based labels; implements `Prompt`.

    The value of an answer is the label, an int; a rationale stays in the raw
    answer. The system message is the same whatever the items are.

    Parameters
    ----------
    template : Template
        From `label_template`.
    rationale : bool
        Have the label explained. The rationale comes first: what follows the
        label cannot improve it.
    """

    template: Template
    rationale: bool = False
    examples: tuple[Example, ...] = ()

    kind: ClassVar[str] = "label"

    @cached_property
    def version(self) -> str:
        """sha256 over everything that shapes an answer but a question's content."""
        examples = [[example.content, example.label] for example in self.examples]
        schemas = [self.schema(1), self.schema(2)]
        return hash_json([self.template.text, self.rationale, examples, schemas])

    @property
    def max_tokens(self) -> int:
        """See `Prompt.max_tokens`."""
        return _TOKENS_WITH_RATIONALE if self.rationale else _TOKENS

    def messages(self, questions: Sequence[Question]) -> list[Message]:
        """Return the chat that asks one or more questions in one request."""
        several = len(questions) > 1
        pairs = [question.content for question in questions]
        if several:
            pairs = [f"<pair_{k}>\n{pair}\n</pair_{k}>" for k, pair in enumerate(pairs, 1)]
        options = {"rationale": self.rationale, "several": several}
        system = self.template.render("system", examples=self.examples, **options)
        return chat_of(system, self.template.render("user", pairs="\n\n".join(pairs), **options))

    def schema(self, n_questions: int) -> dict[str, Any]:
        """Return the JSON schema of an answer; see `Form.schema`."""
        answer: dict[str, Any] = {"rationale": {"type": "string"}} if self.rationale else {}
        answer["label"] = {"type": "integer", "enum": list(range(1, N_LABELS + 1))}
        return FORM.schema(answer, n_questions)

    def parse(self, text: str, n_questions: int) -> list[int | None]:
        """Read an answer; see `parse_labels`."""
        return parse_labels(text, n_questions)

    def repair(self, question: Question, answer: str) -> list[Message]:
        """Return the chat that asks one question again after an invalid answer."""
        chat = self.messages([question])
        if FORM.is_of_several(answer):
            return chat  # the others are not shown again
        problem = find_problem(answer)
        again = self.template.render("repair", problem=problem, rationale=self.rationale)
        return ask_again(chat, "" if problem == "empty" else answer, again)


def label_template(language: Language, path: str | None = None) -> Template:
    """Return karl's own template of the prompt, or the one in a file.

    Raises
    ------
    ConfigError
        If it cannot be read, or makes no prompt that shows each pair once.
    """
    own = _TEMPLATES / f"label.{language}.j2"
    template = load_template(own if path is None else Path(path).expanduser(), _VARIABLES)
    # What is wrong with it is found before the first request is paid.
    question = Question(("", ""), pair_content({"title": "one"}, {"title": "two"}))
    for rationale in (False, True):
        prompt = LabelPrompt(template, rationale, (Example(question.content, 1),))
        check_shown_once(question, prompt, template, "pairs")
        for problem in _PROBLEMS:
            template.render("repair", problem=problem, rationale=rationale)
    return template


def pair_content(item_1: Mapping[str, object], item_2: Mapping[str, object]) -> str:
    """Return a pair as it is shown: each item's fields as JSON between tags; see `as_data`."""
    return f"<item_1>{as_data(item_1)}</item_1>\n<item_2>{as_data(item_2)}</item_2>"


def guess_language(titles: Iterable[str]) -> Language:
    """Return "ja" if most titles hold kana or kanji, else "en"."""
    written = [_KANA_OR_KANJI.search(title) is not None for title in titles]
    return "ja" if 2 * sum(written) > len(written) else "en"


def choose_examples(labelled: LabelledPairs, n: int, seed: int) -> NDArray[np.int64]:
    """Draw pairs to show as examples, spread over the nine labels as evenly as possible.

    Parameters
    ----------
    labelled : LabelledPairs
        Training pairs; those with only a relation are never drawn.
    seed : int
        Also decides which labels get one more than others, and the order.

    Returns
    -------
    ndarray of int64, shape (n,)
        Positions in `labelled`, which depend on pairs and not on their order.

    Raises
    ------
    ConfigError
        If there are fewer than `n` different pairs with a label.
    """
    # Item order is part of a pair here, as it is part of its label.
    key_of = ordered_pair_keys(labelled.items)
    _, first = np.unique(key_of, return_index=True)
    usable = first[labelled.labels[first] > 0]
    if n > len(usable):
        raise ConfigError(
            f"llm.examples={n}: only {len(usable)} human-labelled training pairs have one of the "
            "nine labels",
            hint=f"Set llm.examples to {len(usable)} or less; 0 shows none.",
        )
    codes = labelled.labels[usable].astype(np.int64)
    draws = hash_uniform(key_of[usable], derive_seed(seed, "examples"))
    turns = hash_uniform(np.arange(N_LABELS + 1), derive_seed(seed, "examples", "labels"))
    in_order = np.lexsort((draws, codes))
    starts = np.searchsorted(codes[in_order], codes[in_order])
    rank = np.empty(len(usable), np.int64)
    rank[in_order] = np.arange(len(usable)) - starts
    # Round after round, one pair of every label.
    return np.asarray(usable[np.lexsort((turns[codes], rank))[:n]], dtype=np.int64)
