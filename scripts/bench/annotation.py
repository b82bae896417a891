"""How fast pairs are labelled, beside bare calls of litellm on the same machine.

A server on loopback answers after 50 ms; 368 pairs of the demo catalogue get
three votes each with 32 requests in flight: through karl with the answers in
its vote store, and through `litellm.acompletion` alone, in turns. Then karl
asks for the three votes in one request. Prints every turn, medians and ratios.

    python scripts/bench/annotation.py [--turns 5]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from karl.annotators import Task
from karl.annotators.llm import LLM
from karl.datasets import Dataset, LabelledPairs
from karl.demo.source import Demo
from karl.llm.budget import Account
from karl.llm.provider import Provider, litellm

SERVER = Path(__file__).parents[2] / "tests" / "llm" / "loopback_server.py"
PAIRS, VOTES, IN_FLIGHT, LATENCY_S = 368, 3, 32, 0.05
CALLS = PAIRS * VOTES
# A yardstick: what distilabel was measured to do when karl was planned. It is not run here.
DISTILABEL_PER_S = 62


@contextmanager
def server() -> Iterator[str]:
    """Run the loopback server of the tests; give its base URL."""
    command = [sys.executable, str(SERVER), "--latency", str(LATENCY_S)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}/v1"
        process.kill()


def annotator(url: str, *, choices: bool) -> LLM:
    """Return the annotator that is measured."""
    return LLM(
        provider="hosted_vllm",
        model="small",
        api_base=url,
        votes=VOTES,
        structured=True,
        choices=choices,
        concurrency=IN_FLIGHT,
        price_in_usd_per_mtok=0.15,
        price_out_usd_per_mtok=0.6,
    )


def karl(llm: LLM, dataset: Dataset, pairs: np.ndarray) -> None:
    """Label the pairs from nothing, into a vote store of its own."""
    with tempfile.TemporaryDirectory() as folder:
        account = Account("bench", Path(folder) / "votes.sqlite")
        found = llm.annotate(Task(dataset, pairs, LabelledPairs.empty("human"), account))
    assert (found.votes.codes > 0).all()


def bare(llm: LLM, dataset: Dataset, pairs: np.ndarray) -> None:
    """Send the same prompts with nothing but litellm and a semaphore; keep nothing."""
    task = Task(dataset, pairs, LabelledPairs.empty("human"), Account("bench", Path("none")))
    prompt = llm._prompt(task)
    chats = [prompt.messages([q]) for q in llm._questions(dataset.catalogue, pairs)]
    schema = prompt.schema(1)
    request = Provider(llm)._request

    async def send_all() -> None:
        free = asyncio.Semaphore(IN_FLIGHT)

        async def send(chat: list[dict[str, str]]) -> str:
            async with free:
                answer = await litellm.acompletion(**request(chat, schema, 1, prompt.max_tokens))
                return str(answer.choices[0].message.content)

        texts = await asyncio.gather(*(send(chat) for chat in chats for _ in range(VOTES)))
        assert all(texts)
        await litellm.close_litellm_async_clients()

    asyncio.run(send_all())


def seconds(work: Callable[[], None]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Measure in turns and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    dataset = Demo().load()
    rng = np.random.default_rng(0)
    pairs = rng.permutation(len(dataset.catalogue))[: 2 * PAIRS].reshape(PAIRS, 2).astype(np.int32)
    with server() as url:
        one, three = annotator(url, choices=False), annotator(url, choices=True)
        bare(one, dataset, pairs[:8])  # the first calls import and connect
        taken: dict[str, list[float]] = {"bare": [], "karl": [], "karl n=3": []}
        for turn in range(turns):
            taken["bare"].append(seconds(lambda: bare(one, dataset, pairs)))
            taken["karl"].append(seconds(lambda: karl(one, dataset, pairs)))
            taken["karl n=3"].append(seconds(lambda: karl(three, dataset, pairs)))
            print(f"turn {turn + 1}:", "  ".join(f"{k} {v[-1]:.2f} s" for k, v in taken.items()))
    medians = {name: statistics.median(of_name) for name, of_name in taken.items()}
    ratio = statistics.median(k / b for k, b in zip(taken["karl"], taken["bare"], strict=True))
    shared = statistics.median(n / k for n, k in zip(taken["karl n=3"], taken["karl"], strict=True))
    print(f"litellm.acompletion   {CALLS / medians['bare']:6.0f} votes/s  {medians['bare']:.2f} s")
    print(
        f"karl, {CALLS:,} calls    {CALLS / medians['karl']:6.0f} votes/s  {medians['karl']:.2f} s"
        f"  {ratio:.2f} × the time of bare calls"
        f"  {CALLS / medians['karl'] / DISTILABEL_PER_S:.1f} × distilabel's {DISTILABEL_PER_S}/s"
    )
    print(
        f"karl, {PAIRS} calls      {CALLS / medians['karl n=3']:6.0f} votes/s  "
        f"{medians['karl n=3']:.2f} s  {shared:.2f} × the time of separate calls"
    )


if __name__ == "__main__":
    main()
