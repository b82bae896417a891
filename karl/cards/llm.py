"""Item cards that a language model writes, once for each item, before any pair is labelled."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass

from karl.cards.base import Cards
from karl.cards.categories import CategoryList
from karl.cards.parse import LISTS, TEXTS, Card
from karl.cards.prompt import CardPrompt, SurveyPrompt, card_template, item_content
from karl.cards.survey import Survey, grow, sample_titles, typical_categories
from karl.cards.tables import with_cards
from karl.datasets import Catalogue, Dataset
from karl.datasets.catalogue import FINE, MAJOR, TITLE
from karl.datasets.tabular import SUFFIXES
from karl.errors import ConfigError, KarlError
from karl.llm.account import Account
from karl.llm.backend import Backend
from karl.llm.embedded import MODEL_NAME, serve_embedded_model
from karl.llm.estimate import Estimate
from karl.llm.question import Question
from karl.llm.store import VoteStore

__all__ = ["LLMCards"]

_LONGEST_CHAT: Final = 8192  # tokens that the embedded model can read and write at most
_AUTO, _CATALOGUE, _GROW = "auto", "catalogue", "grow"
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
        File of a template of one's own for the card prompt.
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
        known = (_AUTO, _CATALOGUE, _GROW)
        if categories not in known and Path(categories).suffix.lower() not in SUFFIXES:
            raise ValueError(
                f"'{categories}' is neither one of {', '.join(known)} nor the path of a table "
                f"({', '.join(SUFFIXES)})"
            )
        return categories

    def apply(self, dataset: Dataset, account: Account) -> Catalogue:
        """Return the catalogue with the card columns; cards that are missing are written.

        A card column replaces one of the same name. An item whose card was
        invalid has no value in it; a warning counts these.

        Parameters
        ----------
        dataset : Dataset
        account : Account

        Returns
        -------
        Catalogue
            The same items in the same order, with text columns more: `type`,
            `function`, `consumes`, `needs`, `goes_with` (kinds of products,
            joined by "; ") and, unless the catalogue's own are kept,
            `major_category` and `fine_category`.

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
        shown = self._contents(catalogue)
        prompt = CardPrompt(card_template(self.template), self.category_list(dataset, account))
        questions = _questions(catalogue, shown)
        with self.reachable() as backend:
            asked = ask(backend, prompt, questions, account, per_request=self.items_per_request)
        values = [answer.value for (answer,) in asked.answers]
        card_of = dict(zip((q.content for q in questions), values, strict=True))
        return with_cards(
            catalogue,
            [card_of[content] for content in shown],
            categorised=prompt.categories is not None,
        )

    def category_list(self, dataset: Dataset, account: Account) -> CategoryList | None:
        """Return the list that items are sorted into, which may have to grow first.

        Returns
        -------
        CategoryList or None
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

            survey = grow(sample_titles(dataset.catalogue, self.survey_items), answered)
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

    def quote(self, dataset: Dataset, account: Account) -> list[Estimate]:
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
        questions = _questions(catalogue, self._contents(catalogue))
        per_request = self.items_per_request
        return [*lines, estimate(self, prompt, questions, account, per_request=per_request)]

    def preview(self, dataset: Dataset) -> Catalogue:
        """Return the catalogue with stand-ins for cards: titles, and categories by chance.

        There are about as many categories as there will be: what is drawn from
        each of them is then as much as it will be.
        """
        catalogue = dataset.catalogue
        categories = self._given()
        if self._grows(catalogue):
            categories = self._typical(catalogue)
        titles = catalogue.texts([TITLE]).to_list()
        cards: list[Card | None] = [
            dict.fromkeys(TEXTS, title) | {name: [title] for name in LISTS} for title in titles
        ]
        if categories is not None:
            pairs = [(m, fine) for m, fines in categories.majors.items() for fine in fines or ("",)]
            for title, card in zip(titles, cards, strict=True):
                assert card is not None  # noqa: S101
                at = int.from_bytes(hashlib.sha256(title.encode()).digest()[:4]) % len(pairs)
                card[MAJOR], card[FINE] = pairs[at]
        return with_cards(catalogue, cards, categorised=categories is not None)

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
        if self.categories in (_AUTO, _CATALOGUE, _GROW):
            return None
        path = Path(self.categories).expanduser()
        categories = CategoryList.read(path)
        if not categories.majors:
            raise ConfigError(f"cards.categories: {path} names no category")
        return categories

    def _survey_so_far(self, catalogue: Catalogue, account: Account) -> Survey:
        """Return the survey as far as the vote store has its answers."""
        from karl.llm.requests import question_keys

        prompt = SurveyPrompt()
        titles = sample_titles(catalogue, self.survey_items)
        if not account.store.exists():
            return grow(titles, lambda _: None)
        with VoteStore(account.store) as store:

            def answered(question: Question) -> Any:
                (key,) = question_keys(self, prompt, [question])[question]
                stored = store.find([key]).get(key)
                return None if stored is None else stored.value

            return grow(titles, answered)

    def _typical(self, catalogue: Catalogue) -> CategoryList:
        return typical_categories(len(sample_titles(catalogue, self.survey_items)))

    def _contents(self, catalogue: Catalogue) -> list[str]:
        """Return each item as it is shown."""
        columns = catalogue.shown(self.columns, "cards.columns")
        return [
            item_content(item) for item in catalogue.table.select(columns).iter_rows(named=True)
        ]


def _questions(catalogue: Catalogue, contents: Sequence[str]) -> list[Question]:
    """Return a question for each different content: items that look the same are asked once."""
    first = dict(zip(reversed(contents), reversed(catalogue.ids.to_list()), strict=True))
    return [Question((first[content],), content) for content in dict.fromkeys(contents)]
