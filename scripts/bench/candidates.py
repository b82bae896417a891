"""Measure a round's candidates at the paper's size: proposing, scoring, selecting, memory.

368 fine categories with 10 query items and 100 candidates each: up to 368,000
pairs, scored by ten linear members on symmetric features of 200-d vectors.
Run it with `python scripts/bench/candidates.py`; the floor of qbc and margin is 5 s and 500 MB
above the item vectors on two cores. `relations` is margin sampling on features of item cards of
2,500 types, whose floor is twice as high.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# This process only starts others and imports nothing large: on Linux a process
# inherits the peak memory of the one that started it.

N_ITEMS, N_DIMS, N_FINE, N_MAJOR, N_MEMBERS = 40_000, 200, 368, 16, 10
N_TYPES, N_WORDS, N_TRAIN = 2500, 800, 2600
SAMPLERS = ("qbc", "margin", "balance", "dynamic", "kcenter", "badge", "typiclust")
CASES = (*SAMPLERS, "relations")
KIB_PER_MIB = 1024


def measure(case: str) -> dict[str, float]:
    """Propose, score and select once; seconds and MiB above the item vectors."""
    import numpy as np
    import polars as pl

    from karl.candidates import Stratified
    from karl.categories import ItemCategories
    from karl.classifiers import PairInputs
    from karl.classifiers.linear import LinearCommittee
    from karl.config.build import build_strategy
    from karl.config.compose import compose_config
    from karl.datasets import Catalogue, Dataset, LabelledPairs
    from karl.encoders import ItemVectors
    from karl.features import Items, PairFeatures
    from karl.features.relations import RelationFeatures
    from karl.labels import to_relations
    from karl.samplers import Pool

    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((N_ITEMS, N_DIMS), dtype=np.float32)
    vectors /= np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    fine = rng.integers(0, N_FINE, N_ITEMS).astype(np.int32)
    categories = ItemCategories(fine, fine % N_MAJOR, induced=False)
    names = pl.int_range(N_ITEMS, eager=True).cast(pl.String)
    cards = {} if case != "relations" else _cards(rng, fine)
    catalogue = Catalogue(pl.DataFrame({"item_id": names, "title": "item " + names} | cards))
    dataset = Dataset("benchmark", catalogue, {})
    items = Items(ItemVectors(vectors, [N_DIMS]), categories, catalogue=catalogue)
    features = RelationFeatures() if case == "relations" else PairFeatures()
    committee = LinearCommittee(
        rng.standard_normal((N_MEMBERS, 3, features.width(items))),
        rng.standard_normal((N_MEMBERS, 3)),
    )
    known = rng.choice(N_ITEMS, (N_TRAIN, 2), replace=False).astype(np.int32)
    codes = rng.choice(np.int8([1, 2, 8]), N_TRAIN)
    train = LabelledPairs(known, to_relations(codes), codes, "human")
    name = case if case in SAMPLERS else "margin"
    sampler = build_strategy("sampler", compose_config([f"sampler={name}"])["sampler"])

    before, start = _peak(), time.perf_counter()
    candidates = Stratified().propose(dataset, categories, np.empty(0, np.int64), seed=0)
    proposed = time.perf_counter()
    pool = Pool(
        candidates.pairs,
        candidates.categories,
        lambda pairs: committee.member_probabilities(PairInputs(items, features, pairs)),
        items=items,
        features=lambda pairs: features.compute(items, pairs),
        train=train,
        human=np.ones(N_TRAIN, np.bool_),
    )
    selected = sampler.query(pool)
    done = time.perf_counter()
    return {
        "pairs": len(pool),
        "selected": len(selected),
        "propose_s": proposed - start,
        "select_s": done - proposed,
        "memory_mib": _peak() - before,
    }


def _cards(rng: np.random.Generator, fine: NDArray[np.int32]) -> dict[str, list[str]]:
    """Return the columns of made-up cards: types of two words, lists of four of these."""
    words = [f"word{number}" for number in range(N_WORDS)]
    types = [" ".join(rng.choice(words, 2)) for _ in range(N_TYPES)]
    lists = {
        name: ["; ".join(rng.choice(types, 4)) for _ in range(N_TYPES)]
        for name in ("needs", "goes_with", "substitutes", "used_in")
    }
    of_item = rng.integers(0, N_TYPES, len(fine))
    columns = {"type": types, "function": types} | lists
    found = {name: [values[k] for k in of_item] for name, values in columns.items()}
    return found | {"fine_category": [f"category {code % 100}" for code in of_item]}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_PER_MIB


def _in_a_fresh_process(case: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", case]
    finished = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(finished.stdout))


def main() -> None:
    """Print the medians of some runs, one line per case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="runs per case")
    parser.add_argument("--measure", choices=CASES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure)))
        return
    print(f"{'case':9} {'pairs':>8} {'propose':>9} {'select':>9} {'total':>9} {'memory':>9}")
    for case in CASES:
        runs = [_in_a_fresh_process(case) for _ in range(options.runs)]
        middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        total = statistics.median(run["propose_s"] + run["select_s"] for run in runs)
        print(
            f"{case:9} {middle['pairs']:8,.0f} {middle['propose_s']:7.2f} s "
            f"{middle['select_s']:7.2f} s {total:7.2f} s {middle['memory_mib']:5.0f} MiB"
        )


if __name__ == "__main__":
    main()
