"""Having the item cards of a run written before the run itself."""

from __future__ import annotations

from pathlib import Path

from karl.cards.llm import LLMCards
from karl.cards.tables import Summary, summarise, write_cards
from karl.errors import UsageError
from karl.runs.directory import Run

__all__ = ["enrich"]


def enrich(run: Run) -> tuple[Summary, Path, Path | None]:
    """Have all cards written that are missing, and the results as tables.

    Parameters
    ----------
    run : Run
        Need not exist; it pays for the cards and its folder gets the tables.

    Returns
    -------
    summary : Summary
    cards : Path
        The table of cards, which `cards=recorded cards.path=…` reads.
    categories : Path or None
        The list of categories, which `cards.categories=…` reads; None where the
        catalogue's own are kept.
    """
    cards = run.experiment.cards
    if not isinstance(cards, LLMCards):
        raise UsageError(
            f"cards={run.experiment.choices['cards']}: there is nothing to write",
            hint="Choose cards=llm and a model, such as: karl enrich cards=llm llm=openai",
        )
    dataset, account = run.experiment.source, run.experiment.account
    catalogue = cards.apply(dataset, account)
    table, listed = run.folder / "cards.csv", run.folder / "categories.csv"
    write_cards(catalogue, table)
    categories = cards.category_list(dataset, account)
    if categories is not None:
        categories.write(listed)
    return summarise(catalogue), table, None if categories is None else listed
