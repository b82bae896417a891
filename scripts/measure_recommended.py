"""The recommended method beside the paper's, and without each of its parts.

Carries out a sweep per arm and data set over folds and seeds (those that are done are not run
again) and writes what came of them. FBL needs its data (see data/README.md).

    python scripts/measure_recommended.py [--jobs 2] [--data cards names demo] [--arms …]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reproduce_paper import sweep, table_lines

from karl.files import write_text
from karl.reports.collect import collect
from karl.reports.report import Report, write_report
from karl.version import __version__

FOLDS_AND_SEEDS = ("split.fold=range(0,5)", "seed=1,2,3")
RECOMMENDED, PAPER = "recommended", "paper"
SHOWN = ("outcome", "classes", "curves", "worst_fold", "tests", "targets", "labels")
TARGET = {"ood": 0.65}


@dataclass(frozen=True)
class Data:
    """One of the data sets.

    Parameters
    ----------
    title : str
    overrides : tuple of str
    paper : tuple of str
        What the paper's method needs beside `experiment=paper`.
    arms : mapping of str to tuple of str
        The recommended method without one of its parts.
    """

    title: str
    overrides: tuple[str, ...]
    paper: tuple[str, ...]
    arms: dict[str, tuple[str, ...]]

    def commands(self) -> dict[str, tuple[str, ...]]:
        """Return the overrides of every arm."""
        paper = ("experiment=paper", *self.overrides, *self.paper)
        without = {name: (*self.overrides, *change) for name, change in self.arms.items()}
        return {RECOMMENDED: self.overrides, PAPER: paper, **without}


WITHOUT = {
    "without context": ("classifier=mean",),
    "trees alone": ("classifier=hgb", "classifier.tuning=null"),
    "random pairs": ("sampler=random",),
    "margin": ("sampler=margin",),
}
DATA = {
    "cards": Data(
        "FBL with item cards",
        ("data=fbl", "cards=recorded"),
        ("encoder=names_cards", "features=relative"),
        WITHOUT | {"features of the paper": ("features=relative",)},
    ),
    "names": Data("FBL from item names", ("data=fbl",), (), WITHOUT),
    "demo": Data(
        "Demo, with its item cards",
        ("data=demo",),
        (),
        WITHOUT | {"without cards": ("cards=none",)},
    ),
}


def section(data: Data, arms: Sequence[str], report: Report) -> Iterator[str]:
    """Give the lines about one data set."""
    yield from (f"## {data.title}", "")
    study = report.study
    yield f"{study.metrics['run'].n_unique()} runs of {study.metrics['round'].max()} rounds:"
    yield ""
    for arm in arms:
        yield f"- {arm}: `karl sweep {' '.join((*data.commands()[arm], *FOLDS_AND_SEEDS))}`"
    yield from (*table_lines(report, SHOWN), "")


def main() -> None:
    """Carry out the arms and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--arms", nargs="+", help="all when left out")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs")
    parser.add_argument("--jobs", type=int, default=2, help="jobs beside each other")
    parser.add_argument("--out", type=Path, default=Path("docs/recommended.md"))
    arguments = parser.parse_args()
    lines = [
        "# The recommended method, measured",
        "",
        f"Written by `scripts/measure_recommended.py` with karl {__version__}; not edited by hand.",
        "OOD of FBL are the 1,407 rows of FBL2024 at hand. They were looked at while `share` of",
        "the classifier was chosen, so expect a little less on new pairs.",
        "",
    ]
    for name in arguments.data:
        commands = DATA[name].commands()
        chosen = arguments.arms or list(commands)
        folders = [
            sweep(
                f"{name}-{arm.replace(' ', '-')}",
                (*commands[arm], *FOLDS_AND_SEEDS),
                arguments.runs,
                arguments.jobs,
            )
            for arm in chosen
        ]
        report = write_report(collect(folders), arguments.runs / name / "report", TARGET)
        lines += section(DATA[name], chosen, report)
    write_text(arguments.out, "\n".join(lines).rstrip() + "\n")
    print(f"Results: {arguments.out}")


if __name__ == "__main__":
    main()
