"""The rounds of a run as a table and as sentences for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from karl.evaluation.record import MetricsRow
from karl.reports.curves import LearningCurve, describe_run, learning_curves, rounds

__all__ = ["rounds_table", "summary_lines"]

# With more evaluation sets than this the columns move together to fit into 80.
_ROOMY_SETS = 2
_CAPTION = (
    "* best round of the set   gain: macro-F1 relative to round 0\n"
    "LLM labels (accepted), calls and USD: totals up to the round"
)


def rounds_table(rows: Sequence[MetricsRow]) -> Table:
    """Lay out the rounds of a run, one a line.

    For each evaluation set it shows the macro-F1 and its gain over the seed
    round in per cent, the best round marked; then the diversity of the training
    set, the accepted LLM labels, the calls and their cost up to that round, and
    the seconds the round took. Three evaluation sets fit into 80 columns.

    Parameters
    ----------
    rows : sequence of MetricsRow
        The rows of one run, in any order.

    Returns
    -------
    rich.table.Table
        Without rounds if `rows` is empty.

    Raises
    ------
    karl.errors.DataError
        If an evaluation set has no round 0.
    """
    curves = learning_curves(rows)
    table = Table(
        title=_title(curves[0].seed) if curves else None,
        caption=_CAPTION if curves else None,
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 0, 0, 1 if len(curves) <= _ROOMY_SETS else 0),
        pad_edge=False,
    )
    for header in _headers(curves):
        table.add_column(Text(header), justify="right", vertical="bottom", overflow="fold")
    by_round = [{row.round: row for row in curve.rows} for curve in curves]
    for row in rounds(curves):
        cells: list[Text | str] = [str(row.round)]
        for curve, members in zip(curves, by_round, strict=True):
            cells += _score_cells(curve, members.get(row.round))
        table.add_row(*cells, *_cost_cells(row))
    return table


def summary_lines(rows: Sequence[MetricsRow]) -> list[str]:
    """Sum a run up in short sentences.

    Parameters
    ----------
    rows : sequence of MetricsRow
        The rows of one run, in any order.

    Returns
    -------
    list of str
        One line per evaluation set, one on diversity and one on the labels and
        their cost; empty if there are no rows.

    Raises
    ------
    karl.errors.DataError
        If an evaluation set has no round 0.
    """
    curves = learning_curves(rows)
    if not curves:
        return []
    first, last = rounds(curves)[0], rounds(curves)[-1]
    return [
        *(_set_summary(curve) for curve in curves),
        f"Diversity of the training set {_change(first.diversity, last.diversity, last.round)}",
        _label_summary(last),
    ]


def _title(row: MetricsRow) -> Text:
    # Text, for in a plain string rich would take brackets in a name for markup.
    return Text(f"Macro-F1 by round: {describe_run(row)}", style="bold")


def _headers(curves: Sequence[LearningCurve]) -> list[str]:
    of_sets = [header for curve in curves for header in (f"{curve.name}\nF1", "gain\n%")]
    return ["Round", *of_sets, "Diver-\nsity", "LLM\nlabels", "Calls", "USD", "Time\ns"]


def _score_cells(curve: LearningCurve, row: MetricsRow | None) -> tuple[Text | str, Text | str]:
    if row is None:
        return "", ""
    is_best = row is curve.best
    figure = f"{row.macro_f1:.3f}"
    cell = Text(f"*{figure}", style="bold") if is_best else figure
    return cell, "" if row is curve.seed else _percent(curve.gain(row))


def _cost_cells(row: MetricsRow) -> tuple[str, ...]:
    return (
        f"{row.diversity:.3f}",
        f"{row.n_llm:,}",
        f"{row.llm_calls:,}",
        f"{row.llm_cost_usd:,.3f}",
        f"{row.seconds:,.0f}" if row.seconds >= 10 else f"{row.seconds:.1f}",
    )


def _set_summary(curve: LearningCurve) -> str:
    seed, last, best = curve.seed, curve.last, curve.best
    if last is seed:
        return f"{curve.name} macro-F1 {seed.macro_f1:.3f} from human labels alone (round 0)"
    gain = curve.gain(last)
    relative = "" if gain is None else f" ({_percent(gain)} %)"
    where = "at the seed (round 0)" if best is seed else f"in round {best.round}"
    return (
        f"{curve.name} macro-F1 {seed.macro_f1:.3f} → {last.macro_f1:.3f}{relative} "
        f"after {_count(last.round, 'round')}; "
        f"best {best.macro_f1:.3f} {where}"
    )


def _label_summary(row: MetricsRow) -> str:
    return (
        f"{_count(row.n_human, 'human label')}, {_count(row.n_llm, 'accepted LLM label')}; "
        f"{_count(row.llm_calls, 'LLM call')} for USD {row.llm_cost_usd:,.3f}"
    )


def _change(first: float, last: float, last_round: int) -> str:
    return f"{first:.3f} → {last:.3f}" if last_round else f"{first:.3f}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _percent(gain: float | None) -> str:
    # "z" writes a loss that rounds to nothing as +0.0, not as -0.0.
    return "n/a" if gain is None else f"{100 * gain:+z.1f}"
