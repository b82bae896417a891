from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cli.llm_shop import (
    A_ROUND,
    PRICE_IN,
    PRICE_OUT,
    ROUNDS,
    RUNS,
    STORE,
    Labelled,
    Pair,
    answers,
    asked,
    asking,
    metrics,
    model,
    plain,
    read,
    shown,
    spent,
    votes_in,
)
from cli.small_shop import Answer, done, karl, results, write_csv, write_shop
from llm.asking import rows
from llm.loopback import Loopback
from sklearn.metrics import accuracy_score, cohen_kappa_score, confusion_matrix, f1_score

N = 40
NAME = ("--name", "judged")
RUN = RUNS / "judged"
GOLD_VOTES = Path("report/gold_votes.csv")
RELATIONS = ["complementary", "substitute", "unrelated"]
SWAPPED = {2: 3, 3: 2, 5: 6, 6: 5}


def relation(label: int) -> str:
    return {1: "substitute", 8: "unrelated", 9: "unrelated"}.get(label, "complementary")


def human_labels(shop: Path, name: str = "pairs_id.csv") -> dict[Pair, int]:
    return {(row["item_id_1"], row["item_id_2"]): int(row["label"]) for row in read(shop / name)}


def quality(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report/label_quality.json").read_text())
    return found


def gold(n: int, *more: str) -> Answer:
    return done(karl("label", "--gold", str(n), *more, *NAME))


def check_level(found: dict[str, Any], truth: Sequence[Any], accepted: Sequence[Any]) -> None:
    """Recompute what is said of accepted labels; None is a pair without one."""
    both = [(t, a) for t, a in zip(truth, accepted, strict=True) if a is not None]
    right, given = zip(*both, strict=True)
    assert found["n_pairs"] == len(truth)
    assert found["n_accepted"] == len(both)
    assert found["coverage"] == len(both) / len(truth)
    assert found["accuracy"]["value"] == pytest.approx(accuracy_score(right, given))
    assert found["macro_f1"]["value"] == pytest.approx(f1_score(right, given, average="macro"))
    for name in ("accuracy", "macro_f1"):
        assert found[name]["low"] <= found[name]["value"] <= found[name]["high"]


def check_figures(folder: Path, shop: Path, n: int) -> None:
    """Recompute the report from the votes in the run's folder and the labels in the shop's."""
    found, votes, human = quality(folder), votes_in(folder / GOLD_VOTES), human_labels(shop)
    assert len(votes) == n == found["n_pairs"]
    truth = [human[pair] for pair in votes]
    accepted = [row[0] if len(set(row)) == 1 else None for row in votes.values()]
    related = [relation(label) for label in truth]
    accepted_relation = [None if label is None else relation(label) for label in accepted]
    check_level(found["on_labels"], truth, accepted)
    check_level(found["on_relations"], related, accepted_relation)
    first = [row[0] for row in votes.values()]
    assert found["on_labels"]["first_accuracy"]["value"] == pytest.approx(
        accuracy_score(truth, first)
    )
    table = confusion_matrix(
        related, [a or "none" for a in accepted_relation], labels=[*RELATIONS, "none"]
    )
    assert found["on_relations"]["confusion"] == table[:3].tolist()
    n_alike = sum(len(set(row)) == 1 for row in votes.values())
    n_related = sum(len(set(map(relation, row))) == 1 for row in votes.values())
    assert found["unanimous_labels"] == n_alike / n == found["acceptance"]
    assert found["unanimous_relations"] == n_related / n
    assert found["invalid"] == 0
    # Fleiss' kappa is close to the mean of Cohen's over the pairs of votes.
    columns = list(zip(*votes.values(), strict=True))
    kappas = [cohen_kappa_score(columns[a], columns[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    assert found["kappa_labels"] == pytest.approx(sum(kappas) / 3, abs=0.02)


def test_the_figures_follow_from_votes_and_human_labels(
    whole: Path, shop: Path, loopback: Loopback
) -> None:
    before = results(whole), (whole / "metrics.jsonl").read_bytes(), spent()
    out = done(karl("label", "--gold", str(N), "--name", "whole")).out
    check_figures(whole, shop, N)
    log = loopback.log()
    said = answers(log, shop)
    assert votes_in(whole / GOLD_VOTES) == said
    calls, tokens, usd = (now - then for now, then in zip(spent(), before[2], strict=True))
    found = quality(whole)
    assert found["calls"] == calls == len(log) == N
    assert found["tokens_in"] + found["tokens_out"] == tokens
    cost = (found["tokens_in"] * PRICE_IN + found["tokens_out"] * PRICE_OUT) / 1e6
    assert found["cost_usd"] == pytest.approx(usd) == pytest.approx(cost)
    assert found["cost_per_accepted_usd"] == pytest.approx(usd / found["n_accepted"])
    # Measuring is no part of the run.
    assert (results(whole), (whole / "metrics.jsonl").read_bytes()) == before[:2]
    for line in (f"with a human label {N}", f"calls {N}", "Quality: runs/whole/report/"):
        assert line in " ".join(out.split())


def test_gold_pairs_are_training_pairs_and_more_hold_the_fewer(
    whole: Path, shop: Path, loopback: Loopback
) -> None:
    found: list[set[Pair]] = []
    for n in (5, 30, 500):
        done(karl("label", "--gold", str(n), "--name", "whole"))
        found.append(set(votes_in(whole / GOLD_VOTES)))
        assert loopback.counts()["requests"] == len(set().union(*found))
    few, more, most = found
    assert len(few) == 5
    assert few < more < most
    # A fifth of them or so is kept for examples in the prompt.
    n_train = metrics(whole)[0]["n_human"]
    assert 0.7 * n_train < len(most) < 0.9 * n_train
    assert most <= human_labels(shop).keys()
    assert not most & human_labels(shop, "pairs_ood.csv").keys()


def test_the_annotator_can_be_measured_at_any_point_of_a_run(
    labelled: Labelled, shop: Path, loopback: Loopback
) -> None:
    done(karl("seed", *asking(shop, loopback), *NAME))
    assert "is done" not in gold(N).out
    first = (RUN / "report/label_quality.json").read_bytes()
    check_figures(RUN, shop, N)
    assert loopback.counts()["requests"] == N
    done(karl("select", *NAME))
    # Here the pairs of the round are annotated as well.
    assert "Stage 'label' of runs/judged is done." in gold(N).out
    assert loopback.counts()["requests"] == N + A_ROUND
    gold(N)
    done(karl("run", *NAME))
    out = gold(N).out
    assert "Nothing to do" not in out
    assert "Human relation (rows) and accepted relation (columns)" in out
    assert loopback.counts()["requests"] == N + A_ROUND * ROUNDS
    assert (RUN / "report/label_quality.json").read_bytes() == first
    assert results(RUN) == results(labelled.folder)


def test_a_run_that_does_not_exist_cannot_be_measured(shop: Path, loopback: Loopback) -> None:
    answer = karl("label", "--gold", "5", *asking(shop, loopback), *NAME)
    assert (answer.code, answer.out) == (2, "")
    assert "there is no run 'judged'" in answer.err
    assert loopback.counts()["requests"] == 0


def test_a_report_needs_neither_data_nor_key(
    tmp_path: Path, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = write_shop(tmp_path / "shop")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-test")
    openai = ["llm=openai", f"llm.api_base={loopback.url}", "budget.rounds=1"]
    done(karl("run", *plain(shop), *openai, *NAME))
    out = gold(10).out
    monkeypatch.delenv("OPENAI_API_KEY")
    shutil.rmtree(shop)
    page = "Page:    runs/judged/report/index.html\n"
    assert done(karl("report", "judged")).out.endswith(out + page)


def test_gold_pairs_are_never_shown_as_examples(shop: Path, loopback: Loopback) -> None:
    done(karl("seed", *asking(shop, loopback, "llm.examples=9"), *NAME))
    gold(500)
    human, log = human_labels(shop), loopback.log()
    measured = {frozenset(pair) for pair in asked(log, shop)}
    assert len(measured) == len(log) > 50
    for entry in log:
        system = entry["body"]["messages"][0]["content"]
        examples = shown(system, shop)
        assert len(examples) == 9
        for (one, two), label in zip(examples, _example_labels(system), strict=True):
            assert human[one, two] == label
            assert frozenset((one, two)) not in measured


def _example_labels(system: str) -> list[int]:
    return [
        int(line.removeprefix("Label: "))
        for line in system.splitlines()
        if line.startswith("Label: ")
    ]


def test_examples_are_training_pairs_and_the_labels_are_spread(
    shop: Path, loopback: Loopback
) -> None:
    done(karl("run", *asking(shop, loopback, "llm.examples=9", "budget.rounds=1"), *NAME))
    systems = {entry["body"]["messages"][0]["content"] for entry in loopback.log()}
    (system,) = systems
    assert set(shown(system, shop)) <= human_labels(shop).keys()
    # The shop knows three labels.
    assert sorted(Counter(_example_labels(system)).values()) == [3, 3, 3]


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_swapped_pairs_are_asked_swapped_and_mapped_back(
    share: float, shop: Path, loopback: Loopback
) -> None:
    done(karl("run", *asking(shop, loopback, f"llm.swapped={share}"), *NAME))
    said = answers(loopback.log(), shop)
    n_calls = 0
    for number in range(1, ROUNDS + 1):
        folder = RUN / f"rounds/{number:04d}"
        votes = votes_in(folder / "votes.csv")
        swapped = votes_in(folder / "votes_swapped.csv")
        assert swapped.keys() <= votes.keys()
        assert len(swapped) == A_ROUND or share < 1
        for (one, two), (vote,) in swapped.items():
            (label,) = said[two, one]
            assert vote == SWAPPED.get(label, label)
        n_calls += len(votes) + len(swapped)
    assert n_calls == loopback.counts()["requests"] == metrics(RUN)[-1]["llm_calls"]
    assert A_ROUND * ROUNDS < n_calls <= 2 * A_ROUND * ROUNDS


def test_position_bias_is_measured_on_swapped_pairs(shop: Path, loopback: Loopback) -> None:
    done(karl("seed", *asking(shop, loopback, "llm.swapped=1"), *NAME))
    out = gold(N).out
    votes, said = votes_in(RUN / GOLD_VOTES), answers(loopback.log(), shop)
    back = [said[two, one][0] for one, two in votes]
    first = [row[0] for row in votes.values()]
    same = [SWAPPED.get(label, label) == vote for label, vote in zip(back, first, strict=True)]
    found = quality(RUN)["swapped"]
    assert found["n_pairs"] == N
    assert found["labels"] == pytest.approx(sum(same) / N)
    again = [row[0] == row[1] for row in votes.values()]
    assert found["repeated_labels"] == pytest.approx(sum(again) / N)
    assert quality(RUN)["calls"] == 2 * N
    assert "Same answer again" in out
    # What decides are the votes in the given order.
    check_figures(RUN, shop, N)


def compare(*arguments: str) -> Answer:
    return karl("annotators", "compare", "--gold", "20", "--output", "table.md", *arguments)


def table_of(file: Path) -> dict[str, list[str]]:
    """Return the rows of a Markdown table by their names, the names of columns as ''."""
    lines = [line for line in file.read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert len({len(row) for row in cells}) == 1
    found: dict[str, list[str]] = {}
    for name, *values in cells:
        found.setdefault(name, values)
    return found


def test_models_are_compared_on_the_same_pairs(shop: Path, loopback: Loopback) -> None:
    common = [
        part for part in model(loopback.url) if part.startswith("llm.") and "model" not in part
    ]
    two = ["llm=vllm", "llm.model=small", "llm=vllm", "llm.model=large", "llm.votes=1"]
    out = done(compare(*plain(shop), *common, *two)).out
    log = loopback.log()
    pairs = {
        name: {pair for e in log if e["model"] == name for pair in shown(e["text"], shop)}
        for name in ("small", "large")
    }
    assert pairs["small"] == pairs["large"]
    assert len(pairs["small"]) == 20
    assert len(log) == 40
    table = table_of(Path("table.md"))
    assert table[""] == ["vllm model=small", "vllm model=large votes=1"]
    assert table["with a human label"] == ["20", "20"]
    assert table["votes on each"] == ["3", "1"]
    assert table["calls"] == ["20", "20"]
    assert "vllm model=small" in out
    # Their answers are kept like those of any run, and asking again costs nothing.
    done(compare(*plain(shop), *common, *two))
    assert len(loopback.log()) == 40
    assert [path.name for path in RUNS.iterdir() if path.is_dir() and path.name[0] != "."] == []
    assert (
        len(rows(STORE, "SELECT DISTINCT account FROM calls WHERE account LIKE 'compare-%'")) == 2
    )


def test_a_model_is_compared_with_recorded_votes_on_what_is_on_record(
    tmp_path: Path, loopback: Loopback
) -> None:
    shop = write_shop(tmp_path / "shop")
    human = list(human_labels(shop).items())
    recorded = human[::3]
    columns = ("item_id_1", "item_id_2", "vote_1", "vote_2", "vote_3")
    write_csv(shop / "votes.csv", columns, [(*pair, *[label] * 3) for pair, label in recorded])
    done(compare(*plain(shop), *model(loopback.url), "llm=replay"))
    table = table_of(Path("table.md"))
    assert table["with a human label"][0] == table["with a human label"][1] == "20"
    assert set(asked(loopback.log(), shop)) <= {pair for pair, _ in recorded}
    assert table["accuracy, accepted"][1].startswith("1.000 ")
    assert table["USD"][1] == "0.000"


def test_a_model_is_compared_with_a_simulated_annotator(loopback: Loopback) -> None:
    demo = ["data=demo", "data.items=300", "data.id_pairs=200", "data.ood_pairs=100"]
    out = done(compare(*demo, "experiment=paper", "llm=oracle", *model(loopback.url))).out
    table = table_of(Path("table.md"))
    assert table[""][0] == "oracle"
    assert table["with a human label"] == ["20", "20"]
    assert loopback.counts()["requests"] == 20
    assert "Written: table.md" in out


@pytest.mark.parametrize(
    ("annotators", "said"),
    [
        ([], "a comparison needs two annotators or more"),
        (["llm=replay"], "a comparison needs two annotators or more"),
        (["llm=replay", "llm=replay"], "replay is given twice"),
        (["llm=replay", "llm=openai"], "the environment variable OPENAI_API_KEY is not set"),
    ],
    ids=["none", "one", "the same twice", "no key"],
)
def test_a_comparison_that_cannot_be_made_is_refused(
    annotators: list[str], said: str, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    answer = compare(*plain(shop), *annotators)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert not Path("table.md").exists()
    assert not STORE.exists()
