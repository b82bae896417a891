"""Learning curves on the FBL data with recorded labels: the figures in the README.

Runs every fold of each experiment below (resumable: runs that are done are not
run again), then prints a Markdown table and draws one figure. It needs the FBL
data with recorded votes and item cards (see data/README.md).

    python scripts/fbl_curves.py [--folds 5] [--figure docs/fbl-curves.png]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rich.progress import track

from karl.config.compose import compose_config
from karl.files import atomic_path
from karl.reports.curves import read_metrics
from karl.runs.directory import Run
from karl.runs.loop import Step, run_to_end

EXPERIMENTS = {
    "names, margin": ["sampler=margin"],
    "names, qbc": ["sampler=qbc"],
    "cards, margin": ["cards=recorded", "sampler=margin"],
    "cards, qbc": ["cards=recorded", "sampler=qbc"],
}
COLOURS = {"margin": "#0072b2", "qbc": "#d55e00"}


class Quiet:
    """An observer that says nothing."""

    def started(self, step: Step) -> None:
        """Ignore the step."""

    def finished(self, step: Step) -> None:
        """Ignore the step."""


def curve(name: str, fold: int, runs: Path) -> dict[str, list[float]]:
    """Return macro-F1 per round of one fold, by evaluation set."""
    overrides = ["data=fbl", "llm=replay", f"split.fold={fold}", *EXPERIMENTS[name]]
    run = Run(runs / f"fbl-{name.replace(', ', '-')}-{fold}", compose_config(overrides))
    run.prepare()
    run_to_end(run, Quiet())
    rows = read_metrics(run.metrics_file)
    return {
        eval_set: [row.macro_f1 for row in rows if row.eval_set == eval_set]
        for eval_set in ("id", "ood")
    }


def table(curves: dict[str, dict[str, np.ndarray]]) -> str:
    """Return the means over the folds as a Markdown table."""
    lines = [
        "| experiment | ID seed | ID round 10 | OOD seed | OOD round 10 | OOD gain | best round |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, sets in curves.items():
        mean_id, mean_ood = sets["id"].mean(axis=0), sets["ood"].mean(axis=0)
        best = int(mean_ood.argmax())
        lines.append(
            f"| {name} | {mean_id[0]:.3f} | {mean_id[-1]:.3f} | {mean_ood[0]:.3f} "
            f"| {mean_ood[-1]:.3f} | {mean_ood[-1] / mean_ood[0] - 1:+.1%} "
            f"| {mean_ood[best]:.3f} in round {best} |"
        )
    return "\n".join(lines)


def draw(curves: dict[str, dict[str, np.ndarray]], path: Path) -> None:
    """Draw the mean curves, ID and OOD side by side, with the range over the folds."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, eval_set in zip(figure.subplots(1, 2), ("id", "ood"), strict=True):
        for name, sets in curves.items():
            features, sampler = name.split(", ")
            values = sets[eval_set]
            rounds = np.arange(values.shape[1])
            style = "-" if features == "cards" else "--"
            axes.plot(rounds, values.mean(axis=0), style, color=COLOURS[sampler], label=name)
            axes.fill_between(
                rounds, values.min(axis=0), values.max(axis=0), color=COLOURS[sampler], alpha=0.08
            )
        axes.set_title(eval_set.upper(), loc="left", fontweight="bold")
        axes.set_xlabel("round")
        axes.set_xticks(rounds)
        axes.grid(axis="y", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("macro-F1")
    figure.axes[1].legend(frameon=False, fontsize=8)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=130, metadata={"Software": None})


def main() -> None:
    """Run the experiments and show their curves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folds", type=int, default=5, help="folds 0 to FOLDS - 1 are run")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs")
    parser.add_argument("--figure", type=Path, default=Path("docs/fbl-curves.png"))
    arguments = parser.parse_args()
    curves = {}
    for name in track(EXPERIMENTS, description="experiments"):
        folds = [curve(name, fold, arguments.runs) for fold in range(arguments.folds)]
        curves[name] = {key: np.array([fold[key] for fold in folds]) for key in ("id", "ood")}
    print(table(curves))
    draw(curves, arguments.figure)


if __name__ == "__main__":
    main()
