"""Having the item cards of a run written before the run itself."""

from __future__ import annotations

from pathlib import Path

from karl.files import atomic_path
from karl.runs.directory import Run

__all__ = ["write_cards"]


def write_cards(run: Run) -> tuple[Path, int]:
    """Write all cards, and the catalogue with their columns as a table.

    Parameters
    ----------
    run : Run
        Need not exist; it pays for the cards.

    Returns
    -------
    Path
        The table, beside the run's other files; `cards=recorded` can read it.
    int
        Items.
    """
    catalogue = run.context.dataset.catalogue
    file = run.folder / "cards.csv"
    with atomic_path(file) as temporary:
        catalogue.table.write_csv(temporary)
    return file, len(catalogue)
