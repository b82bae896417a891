"""`karl data`: see, bring in and check data sets."""

from __future__ import annotations

from collections import ChainMap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from karl.datasets.library import Stored
    from karl.evaluation.describe import Description, SetDescription
    from karl.reports.table import Table

__all__ = ["app"]

_PAIRS, _LABELS = "labelled pairs", "labels"
_AGREEMENT, _NOTES = "agreement of annotators", "as read from the files"

app = typer.Typer(
    help="See, download, import and check data sets.", no_args_is_help=True, add_completion=False
)


@app.command("list")
def list_data() -> None:
    """List the data sets that can be named, and where they are."""
    from karl.cli.printing import print_table
    from karl.datasets.library import entries
    from karl.reports.table import Column, Table

    rows = [
        {
            "name": entry.name,
            "kind": entry.kind,
            "state": "ready" if entry.ready else "not here: karl data get fbl",
            "folder": entry.folder,
        }
        for entry in entries()
    ]
    headings = {"name": "data set", "kind": "kind", "state": "state", "folder": "folder"}
    columns = [Column(key, heading, right=False) for key, heading in headings.items()]
    print_table(Table("data", "", "", rows, columns))


@app.command()
def get(name: Annotated[str, typer.Argument(help="fbl, the only one that is downloaded.")]) -> None:
    """Download a data set, verify it, and keep it in karl's folder."""
    from karl.datasets import library

    _print_stored(library.get(name))
    typer.echo("The FBL data set carries no licence: use it, but do not pass it on.")


@app.command("import")
def import_data(
    name: Annotated[str, typer.Argument(help="What to call it; fbl for the FBL files.")],
    from_dir: Annotated[
        Path, typer.Option("--from", metavar="DIR", help="The folder that holds its files.")
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Replace an imported data set of that name.")
    ] = False,
) -> None:
    """Check a folder of tables and copy it into karl's folder."""
    from karl.datasets import library

    _print_stored(library.import_data(name, from_dir, force=force))


@app.command()
def check(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME|FOLDER]", help="By default every data set that is here."),
    ] = None,
) -> None:
    """Read a data set by every rule and count what was found."""
    from karl.cli.printing import print_lines, print_table
    from karl.datasets import library
    from karl.evaluation.describe import describe

    names = [name] if name else [entry.name for entry in library.entries() if entry.ready]
    for each in names:
        found = describe(library.source_of(each).load())
        print_lines(f"✓ {found.name}: {found.items:,} items")
        print_table(_sets(found, _PAIRS, _NOTES))


@app.command("describe")
def describe_data(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FOLDER", help="demo, fbl, an imported data set, or a folder of tables."
        ),
    ],
) -> None:
    """Show what a data set holds: items, labels, how far annotators agree."""
    from karl.cli.printing import print_lines, print_table
    from karl.datasets.library import source_of
    from karl.evaluation.describe import describe

    found = describe(source_of(name).load())
    print_lines(found.name, *(f"  {fact:<18} {value}" for fact, value in _facts(found).items()), "")
    print_table(_sets(found, _PAIRS, _LABELS, _AGREEMENT, _NOTES))


def _facts(found: Description) -> dict[str, str]:
    """Return what is known of the catalogue and of recorded votes."""
    facts = {
        "items": f"{found.items:,}",
        "columns": ", ".join(found.columns),
        "major categories": _number(found.major_categories),
        "fine categories": _number(found.fine_categories),
        "prices": "–" if found.prices is None else "{:,g} to {:,g}".format(*found.prices),
        "item cards": "yes" if found.has_cards else "no",
        "oracle labels": "yes" if found.has_oracle else "no",
    }
    if (votes := found.recorded) is not None:
        mix = ", ".join(f"{count:,} {name}" for name, count in votes.relations.items())
        facts |= {
            "recorded LLM votes": f"{votes.votes_per_pair} on each of {votes.pairs:,} pairs",
            "- unanimous": f"{votes.unanimous_labels:.1%} on 9 labels, "
            f"{votes.unanimous_relations:.1%} on 3 relations",
            "- relations": f"{mix}, of those unanimous on 9 labels",
        }
    return facts


def _sets(found: Description, *groups: str) -> Table:
    """Lay out groups of facts about sets of labelled pairs, a column for each set."""
    from karl.reports.table import Column, Table

    cells = {name: _cells(part) for name, part in found.sets.items()}
    columns = [Column("set", "")]
    for group in groups:
        facts = dict.fromkeys(fact for of_set in cells.values() for fact in of_set[group])
        columns += [Column(fact, fact, group=group) for fact in facts]
    rows = [
        {column.key: None for column in columns} | {"set": name} | dict(ChainMap(*of_set.values()))
        for name, of_set in cells.items()
    ]
    return Table("sets", "", "", rows, columns, turned=True)


def _cells(part: SetDescription) -> dict[str, dict[str, str | None]]:
    """Return the facts about a set by group; None where one is unknown."""
    from karl.labels import FunctionLabel

    def share(count: int) -> str:
        # The blank does not break.
        return f"{count:,}\u00a0({count / part.pairs:.0%})" if part.pairs else f"{count:,}"

    def score(value: float | None) -> str | None:
        return None if value is None else f"{value:.3f}"

    pairs = {
        "pairs": f"{part.pairs:,}",
        "different items": f"{part.items:,}",
        **{name: share(count) for name, count in part.relations.items()},
        "repeated in either order": f"{part.repeated_unordered_pairs:,}",
        "of these another relation": f"{part.conflicts:,}",
    }
    labels = {
        f"{code} {FunctionLabel(code).wording}": share(count) for code, count in part.labels.items()
    }
    agreement = {
        "pairs asked about": f"{part.annotated:,}",
        "Fleiss' kappa, 3 relations": score(part.on_relations.kappa),
        "macro-F1, 3 relations": score(part.on_relations.macro_f1),
        "Fleiss' kappa, 9 labels": score(part.on_labels.kappa),
        "macro-F1, 9 labels": score(part.on_labels.macro_f1),
    }
    notes = {what.replace("_", " "): f"{count:,}" for what, count in part.notes.items()}
    return {
        _PAIRS: {**pairs},
        _LABELS: {**labels},
        _AGREEMENT: agreement if part.annotated else {},
        _NOTES: {**notes},
    }


def _print_stored(stored: Stored) -> None:
    from karl.cli.printing import print_lines

    states = (f"  {file:<14} {state}" for file, state in stored.files.items())
    print_lines(f"{stored.name} is in {stored.folder}", *states)


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"
