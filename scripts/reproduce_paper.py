"""The paper's study, from the sweeps to RESULTS.md.

Carries out the sweeps of the experiments below (those that are done are not run
again), measures the recorded annotator, makes a report of each and writes what
came of it beside the paper's figures. FBL needs its data (see data/README.md).

    python scripts/reproduce_paper.py [--jobs 2] [--studies fbl-names fbl-cards demo]
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from paper_findings import Finding, findings, verdicts

from karl.files import write_text
from karl.reports.collect import collect
from karl.reports.report import Report, write_report
from karl.reports.table import markdown_table
from karl.stages.kinds import QUALITY
from karl.sweeps.directory import Sweep
from karl.version import __version__

GOLD_PAIRS = 800
SHOWN_TABLES = ("outcome", "aulc", "tests", "diversity", "worst_fold", "targets", "labels")
SHOWN_FIGURES = ("curve-id", "curve-ood", "diversity-id", "diversity-ood")
KARL = (sys.executable, "-m", "karl")


@dataclass(frozen=True)
class Part:
    """One of the sweeps.

    Parameters
    ----------
    experiment : str
        Option of the group `experiment`.
    title : str
    """

    experiment: str
    title: str


PARTS = {
    "fbl-names": Part("fbl_names", "FBL with recorded labels, item names only"),
    "fbl-cards": Part("fbl_cards", "FBL with recorded labels, item names and item cards"),
    "demo": Part("demo", "Demo data with a simulated annotator"),
}

DIFFERENCES = """\
What differs from the paper:

- **Encoder and features.** Character n-gram TF-IDF and SVD of the names (and of the item cards),
  and pair features made of two item vectors, in place of the paper's 424 content features. On FBL
  they were chosen while looking at both evaluation sets (see README): expect a little less on
  new data.
- **Candidate pool.** FBL: a fixed pool of 14,832 pairs with recorded labels, drawn in strata
  (uniform, similar names, hardest, most likely complementary, matching item cards); a round takes
  at most one pair of each fine category (368 induced ones, or those of the cards). The paper draws
  up to 368,000 candidates anew every round.
- **Annotator.** FBL: labels of another language model, recorded once and judged from the two
  names, three votes a pair. Demo: simulated votes with known errors.
- **OOD set.** FBL: 1,407 of the 2,790 pairs of FBL2024. Demo: categories and pairs that are drawn
  differently from the training pairs on purpose.
- **Repeats.** Five folds × three seeds. Seeds change tuning, bagging and ties, not the folds.
"""


def sweep(name: str, overrides: Sequence[str], runs: Path, jobs: int) -> Path:
    """Carry out a sweep that may be done already; return its folder."""
    launcher = ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={jobs}"] if jobs > 1 else []
    place = ["--name", name, "--runs-dir", str(runs)]
    subprocess.run([*KARL, "sweep", *overrides, *launcher, *place], check=True)
    return runs / name


def table_lines(report: Report, keys: Iterable[str]) -> Iterator[str]:
    """Give those of some tables that a report has, each with its title and note."""
    for key in keys:
        if key in report.tables:
            table = report.tables[key]
            yield from ("", f"### {table.title}", "")
            yield from (*markdown_table(table.headings, table.lines), "", table.note)


def carry_out(name: str, part: Part, runs: Path, jobs: int) -> None:
    """Carry out the sweep of a part, and measure its annotator, which is free."""
    sweep(name, [f"experiment={part.experiment}"], runs, jobs)
    first = next(iter(Sweep.load(runs / name).jobs))
    if not QUALITY.path(runs / name / first).exists():
        gold = ["label", "--gold", str(GOLD_PAIRS), "--name", f"{name}/{first}"]
        gold += ["--runs-dir", str(runs)]
        subprocess.run([*KARL, *gold], check=True, stdout=subprocess.DEVNULL)


def section(name: str, part: Part, report: Report, figures: Path, out: Path) -> list[str]:
    """Return the lines of RESULTS.md about one study."""
    frames = {key: table.frame for key, table in report.tables.items()}
    study = report.study
    lines = [f"## {part.title}", "", f"`karl sweep experiment={part.experiment} --name {name}`", ""]
    lines += [
        f"{study.metrics['run'].n_unique()} runs of "
        f"{study.metrics['round'].max()} rounds: {', '.join(study.arms)}.",
        "",
    ]
    lines += [f"- {said}" for name in study.eval_sets for said in verdicts(frames, name)]
    lines += [*(f"- {note}" for note in study.notes), ""]
    lines += [*_compared(list(findings(frames))), ""]
    for key in SHOWN_FIGURES:
        source = report.page.parent / "figures" / f"{key}.png"
        if source.exists():
            figures.mkdir(parents=True, exist_ok=True)
            copy = figures / f"{name}-{key}.png"
            shutil.copyfile(source, copy)
            lines.append(f"![{part.title}: {key}]({os.path.relpath(copy, out.parent)})")
    lines += ["", *_quality(study.quality)]
    lines += table_lines(report, SHOWN_TABLES)
    return [*lines, ""]


def _compared(rows: list[Finding]) -> list[str]:
    head = ["Question", "Finding", "Paper", "Here", "Difference", "Computed from"]
    return markdown_table(head, [astuple(row) for row in rows])


def _quality(quality: Any) -> list[str]:
    if not quality:
        return []
    found = next(iter(quality.values()))
    on = found["on_relations"]
    value = on["macro_f1"]
    human = on["human_macro_f1"]
    beside = "" if human is None else f"; two people on the same pairs: {human:.3f}"
    return [
        f"The annotator against people, on {found['n_pairs']} training pairs with human labels: "
        f"{found['acceptance']:.0%} accepted, macro-F1 of the accepted labels on three relations "
        f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]{beside} "
        f"(`{QUALITY.file}` of one run, `karl label --gold {GOLD_PAIRS}`)."
    ]


def _made_with(manifest: Any) -> str:
    packages = manifest["packages"]
    versions = ", ".join(f"{key} {packages[key]}" for key in ("numpy", "scipy", "scikit-learn"))
    return (
        f"Written by `scripts/reproduce_paper.py` from the runs' files with karl {__version__}, "
        f"Python {platform.python_version()}, {versions}. Not edited by hand."
    )


def main() -> None:
    """Carry out the study and write its results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs")
    parser.add_argument("--jobs", type=int, default=2, help="jobs beside each other")
    parser.add_argument("--out", type=Path, default=Path("RESULTS.md"))
    parser.add_argument("--figures", type=Path, default=Path("docs/results"))
    arguments = parser.parse_args()
    for name in arguments.studies:
        carry_out(name, PARTS[name], arguments.runs, arguments.jobs)
    reports = {
        name: write_report(collect([arguments.runs / name]), arguments.runs / name / "report")
        for name in arguments.studies
    }
    manifest = next(iter(reports.values())).study.manifest
    lines = [
        "# Results",
        "",
        "The study of KARL (Yamasaki, Sugahara and Okamoto, "
        "[arXiv 2509.05564](https://arxiv.org/abs/2509.05564)), run again with `karl`: does it "
        "help in distribution (RQ1, ID), out of distribution (RQ2, OOD), and how does the "
        "diversity of the training set go with accuracy (RQ3)?",
        "",
        _made_with(manifest),
        "",
        DIFFERENCES,
    ]
    for name, report in reports.items():
        lines += section(name, PARTS[name], report, arguments.figures, arguments.out)
    write_text(arguments.out, "\n".join(lines).rstrip() + "\n")
    print(f"Results: {arguments.out}")


if __name__ == "__main__":
    main()
