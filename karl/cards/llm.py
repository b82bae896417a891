"""Item cards that a language model writes, once for each item, before any pair is labelled."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import polars as pl
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass

from karl.cards.base import Cards
from karl.cards.card import CARD_COLUMNS, LISTS, TEXTS, Card
from karl.cards.categories import CategoryList
from karl.cards.prompt import CardPrompt, card_template, item_content
from karl.cards.survey import Survey, SurveyPrompt, grow, sample_titles, typical_categories
from karl.cards.tables import with_cards
from karl.datasets import Catalogue, Dataset
from karl.datasets.catalogue import FINE, ITEM_ID, MAJOR, TITLE
from karl.datasets.tabular import SUFFIXES
from karl.errors import ConfigError, KarlError
from karl.llm.backend import Backend
from karl.llm.budget import Account
from karl.llm.embedded import MODEL_NAME, serve_embedded_model
from karl.llm.estimate import Estimate
from karl.llm.prompt import Question
from karl.llm.store import VoteStore

__all__ = ["LLMCards"]

_LONGEST_CHAT: Final = 8192  # tokens that the embedded model can read and write at most
_AUTO, _CATALOGUE, _GROW = _SOURCES = ("auto", "catalogue", "grow")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class LLMCards(Backend, Cards):
    """Has a language model write down, once for each item, what it knows of it.

    Fields of `Backend` tell how the model is reached; these tell what it is
    asked. Answers are kept in the vote store: an item whose text and list of
    categories stay the same is never paid again.

    Parameters
    ----------
    columns : list of str, optional
        Columns of the catalogue that are shown; by default all but the id.
    categories : str
        `"catalogue"` leaves them as the catalogue has them, `"grow"` has the
        model make a list from a sample of the titles and sort items into it.
        `"auto"` is the first where the catalogue has both levels, else the
        second. Anything else is a table with the columns `major_category` and
        `fine_category`: the list to sort items into.
    survey_items : int
        Items from whose titles a list grows.
    items_per_request : int
        Items in one request.
    template : str, optional
        File of a template of one's own for the card prompt; or `first`, that of karl 0.1.0,
        which asks for neither `substitutes` nor `used_in`, so that cards paid then are found.
    """

    temperature: float | None = Field(default=0.0, ge=0, le=2)
    columns: list[str] | None = None
    categories: str = _AUTO
    survey_items: int = Field(default=300, ge=1)
    items_per_request: int = Field(default=10, ge=1, le=50)
    template: str | None = None

    @field_validator("model", mode="before")
    @classmethod
    def _is_named(cls, model: Any) -> Any:
        if model is None:
            raise ValueError(
                "no language model is chosen that could write cards. Choose one for the whole run "
                "(such as llm=openai), or for the cards alone (such as cards.provider=openai "
                "cards.model=gpt-4o-mini)"
            )
        return model

    @field_validator("categories")
    @classmethod
    def _is_a_source(cls, categories: str) -> str:
        if categories not in _SOURCES and Path(categories).suffix.lower() not in SUFFIXES:
            raise ValueError(
                f"'{categories}' is neither one of {', '.join(_SOURCES)} nor the path of a table "
                f"({', '.join(SUFFIXES)})"
            )
        return categories

    def apply(self, dataset: Dataset, account: Account) -> Catalogue:
        """Return the catalogue with the card columns; cards that are missing are written.

        A card column replaces one of the same name. An item whose card was
        invalid has no value in it; a warning counts these.

        The text columns are `type`, `function`, `consumes`, `needs`, `goes_with`,
        `substitutes`, `used_in` (kinds of products, and activities, joined by "; ") and,
        unless the catalogue's own are kept, `major_category` and `fine_category`.

        Raises
        ------
        BudgetExhausted
            If a limit of the budget was reached; cards so far are kept.
        KarlError
            If the provider refuses requests or is down, or no card is valid.
        """
        # Imported here as litellm takes seconds: runs without a model do without it.
        from karl.llm.client import ask

        catalogue = dataset.catalogue
        prompt = CardPrompt(card_template(self.template), self.category_list(dataset, account))
        questions = self._questions(catalogue)
        different = list(dict.fromkeys(questions))  # items that look the same are asked once
        with self.reachable() as backend:
            asked = ask(backend, prompt, different, account, per_request=self.items_per_request)
        values = [answer.value for (answer,) in asked.answers]
        card_of = dict(zip(different, values, strict=True))
        cards: list[Card | None] = [card_of[question] for question in questions]
        _check(cards)
        return with_cards(catalogue, _table(catalogue, cards, prompt.categories))

    def category_list(self, dataset: Dataset, account: Account) -> CategoryList | None:
        """Return the list that items are sorted into, which may have to grow first.

        None where the catalogue's own categories are kept.

        Raises
        ------
        DataError
            If a given list cannot be read.
        KarlError
            As `apply`; also if the survey brought no category.
        """
        if not self._grows(dataset.catalogue):
            return self._given()
        from karl.llm.client import ask

        prompt = SurveyPrompt()
        with self.reachable() as backend:

            def answered(question: Question) -> Any:
                return ask(backend, prompt, [question], account).answers[0][0].value

            survey = grow(self._sample(dataset.catalogue), answered)
        if survey.n_unanswered:
            _log.warning(
                "%d of %d requests for categories had no valid answer",
                survey.n_unanswered,
                len(survey.questions),
            )
        if not survey.categories.majors and len(dataset.catalogue):
            raise KarlError(
                f"{self.name} named no categories for the catalogue's items",
                hint="Give a list of your own, cards.categories=FILE, or choose another model.",
            )
        return survey.categories

    def estimate(self, dataset: Dataset, account: Account) -> list[Estimate]:
        """Estimate what the cards that are missing would take; nothing is sent.

        As long as the list of categories has not grown, a typical one stands in.
        """
        from karl.llm.estimate import estimate

        catalogue = dataset.catalogue
        lines, categories = [], self._given()
        if self._grows(catalogue):
            survey = self._survey_so_far(catalogue, account)
            one_by_one = replace(self, concurrency=1)
            lines.append(estimate(one_by_one, SurveyPrompt(), survey.questions, account))
            unfinished = lines[0].calls > 0
            categories = self._typical(catalogue) if unfinished else survey.categories
        prompt = CardPrompt(card_template(self.template), categories)
        different, n = list(dict.fromkeys(self._questions(catalogue))), self.items_per_request
        return [*lines, estimate(self, prompt, different, account, per_request=n)]

    def preview(self, dataset: Dataset) -> Catalogue:
        """Return the catalogue with stand-ins for cards: titles, and categories by chance.

        There are about as many categories as there will be: what is drawn from
        each of them is then as much as it will be.
        """
        catalogue = dataset.catalogue
        categories = self._typical(catalogue) if self._grows(catalogue) else self._given()
        pairs = [(None, None)] if categories is None else categories.rows
        cards: list[Card | None] = []
        for title in catalogue.texts([TITLE]):
            major, fine = pairs[int.from_bytes(_digest(title)[:4]) % len(pairs)]
            lists = {name: [title] for name in LISTS}
            cards.append(dict.fromkeys(TEXTS, title) | {MAJOR: major, FINE: fine} | lists)
        return with_cards(catalogue, _table(catalogue, cards, categories))

    @contextmanager
    def reachable(self) -> Iterator[Backend]:
        """Give the backend; llm=local is served for as long as it is asked."""
        # A server that speaks OpenAI's protocol has no address but the one that is given.
        if self.api_base is not None or self.name != f"hosted_vllm/{MODEL_NAME}":
            yield self
            return
        with serve_embedded_model(parallel=self.concurrency, context=_LONGEST_CHAT) as url:
            yield replace(self, api_base=url)

    def _grows(self, catalogue: Catalogue) -> bool:
        has_own = catalogue.has(MAJOR) and catalogue.has(FINE)
        return self.categories == _GROW or (self.categories == _AUTO and not has_own)

    def _given(self) -> CategoryList | None:
        """Return the list that was given; None if there is none."""
        if self.categories in _SOURCES:
            return None
        path = Path(self.categories).expanduser()
        categories = CategoryList.read(path)
        if not categories.majors:
            raise ConfigError(f"cards.categories: {path} names no category")
        return categories

    def _survey_so_far(self, catalogue: Catalogue, account: Account) -> Survey:
        """Return the survey as far as the vote store has its answers."""
        from karl.llm.client import question_keys

        prompt, titles = SurveyPrompt(), self._sample(catalogue)
        if not account.store.exists():
            return grow(titles, lambda _: None)
        with VoteStore(account.store) as store:

            def answered(question: Question) -> Any:
                (key,) = question_keys(self, prompt, [question])[question]
                stored = store.find([key]).get(key)
                return None if stored is None else stored.value

            return grow(titles, answered)

    def _sample(self, catalogue: Catalogue) -> list[str]:
        return sample_titles(catalogue, self.survey_items)

    def _typical(self, catalogue: Catalogue) -> CategoryList:
        return typical_categories(len(self._sample(catalogue)))

    def _questions(self, catalogue: Catalogue) -> list[Question]:
        """Return the question about each item; equal where items look the same."""
        columns = catalogue.shown(self.columns, "cards.columns")
        items = catalogue.table.select(columns).iter_rows(named=True)
        return [
            Question((name,), item_content(item))
            for name, item in zip(catalogue.ids, items, strict=True)
        ]


def _check(cards: Sequence[Card | None]) -> None:
    """Warn of items without a card; raise a KarlError if none has one."""
    n_without = sum(card is None for card in cards)
    if n_without and n_without == len(cards):
        raise KarlError(
            "no item has a card: the model gave no valid answer",
            hint="Choose another cards.model.",
        )
    if n_without:
        _log.warning("%d of %d items have no card: the answers were invalid", n_without, len(cards))


def _table(
    catalogue: Catalogue, cards: Sequence[Card | None], categories: CategoryList | None
) -> pl.DataFrame:
    """Return cards, one per item, as text columns; with categories if there is a list of them."""
    names = (*TEXTS, *LISTS) if categories is None else CARD_COLUMNS
    cells = {name: [_cell(card, name) for card in cards] for name in names}
    return pl.DataFrame(
        {ITEM_ID: catalogue.ids} | cells, schema_overrides=dict.fromkeys(names, pl.String)
    )


def _cell(card: Card | None, name: str) -> str | None:
    value = None if card is None else card[name]
    return ("; ".join(value) if isinstance(value, list) else value) or None


def _digest(title: str) -> bytes:
    return hashlib.sha256(title.encode()).digest()
