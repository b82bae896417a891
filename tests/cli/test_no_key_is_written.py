from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli.llm_shop import A_ROUND, RUNS, STORE, asking, model, plain, wait_until
from cli.small_shop import Answer, done, finish, snapshot, start
from llm.asking import states
from llm.loopback import Loopback

pytestmark = pytest.mark.slow

# Its own for every process of tests: some type it into a command line, where others look for it.
CANARY = f"sk-{os.getpid():07d}7Qw3Zx9LmN5tR2vB8yK4"
# A key that is cut in the middle is still a part of a key.
PARTS = (CANARY, CANARY[:14], CANARY[-8:])
NAME = ("--name", "guarded")
ECHO = "The proxy saw 'Authorization: Bearer {key}' and gave up on key {key}."
CUT = f"Incorrect API key provided: {CANARY[:8]}*********{CANARY[-4:]}."


class Watch:
    """Looks at the command lines of all processes for the canary."""

    def __init__(self) -> None:
        self.found: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._over.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = path.read_bytes().decode(errors="replace")
                except OSError:  # it has ended
                    continue
                if CANARY in line:
                    self.found.add(line)
            time.sleep(0.05)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


class Guard:
    """Starts commands with the canary for a key, and looks for it in all that they leave behind."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.said: list[Answer] = []
        (place / "tmp").mkdir()

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return start(
            *arguments,
            OPENAI_API_KEY=CANARY,
            HOSTED_VLLM_API_KEY=CANARY,
            KARL_HOME=str(self.place / "home"),
            TMPDIR=str(self.place / "tmp"),
            HOME=str(self.place / "user"),
        )

    def run(self, *arguments: str) -> Answer:
        return self.finish(self.start(*arguments))

    def finish(self, process: subprocess.Popen[str]) -> Answer:
        self.said.append(finish(process))
        return self.said[-1]

    def check(self) -> None:
        for answer in self.said:
            for part in PARTS:
                assert part not in answer.out + answer.err
        files = snapshot(self.place)
        assert "home" in {Path(name).parts[0] for name in files}
        for name, content in files.items():
            for part in PARTS:
                assert part.encode() not in content, name
                assert part not in name


@pytest.fixture
def guard(workplace: Path) -> Iterator[Guard]:
    """All that is written lies in the current folder, whose files are read at the end."""
    with Watch() as watch:
        guard = Guard(workplace)
        yield guard
    assert watch.found == set()
    guard.check()


@contextmanager
def went_out(loopback: Loopback) -> Iterator[None]:
    """Make sure that the key was really in use."""
    yield
    assert loopback.log()
    assert all(entry["authorization"] for entry in loopback.log())


def test_a_run_that_succeeds_writes_no_key(guard: Guard, shop: Path, loopback: Loopback) -> None:
    with went_out(loopback):
        done(guard.run("run", *asking(shop, loopback, "budget.rounds=1"), *NAME))
        done(guard.run("label", "--gold", "5", *NAME))
    done(guard.run("estimate", *NAME, "budget.rounds=3"))
    assert STORE.exists()
    assert (RUNS / "guarded/report/label_quality.json").exists()


def test_the_key_of_openai_is_not_written_either(
    guard: Guard, shop: Path, loopback: Loopback
) -> None:
    openai = ["llm=openai", f"llm.api_base={loopback.url}", "budget.rounds=1"]
    loopback.faults({"fault": "401", "times": -1})
    with went_out(loopback):
        refused = guard.run("run", *plain(shop), *openai, *NAME, "--debug")
        assert refused.code == 1
        assert "openai/gpt-4o-mini refused the request (401): " in refused.err
        loopback.faults()
        done(guard.run("run", *plain(shop), *openai, *NAME))


@pytest.mark.parametrize("debug", [[], ["--debug"]], ids=["message", "traceback"])
@pytest.mark.parametrize("message", [None, ECHO, CUT], ids=["usual", "twice", "cut"])
def test_a_key_that_the_provider_echoes_is_hidden(
    message: str | None, debug: list[str], guard: Guard, shop: Path, loopback: Loopback
) -> None:
    loopback.faults(
        {"fault": "401", "times": -1} | ({} if message is None else {"message": message})
    )
    with went_out(loopback):
        refused = guard.run("run", *asking(shop, loopback), *NAME, *debug)
    assert refused.code == 1
    assert "(401)" in refused.err
    assert "[hidden]" in refused.err
    assert ("Traceback" in refused.err) == bool(debug)


def test_errors_on_the_way_that_hold_the_key_are_not_written(
    guard: Guard, shop: Path, loopback: Loopback
) -> None:
    loopback.faults(
        {"fault": "500", "times": 2, "message": ECHO},
        {"fault": "429", "times": 1, "retry_after": 0.1, "message": ECHO},
        {"fault": "prose", "times": 2},
        {"fault": "reset", "times": 1},
    )
    with went_out(loopback):
        done(guard.run("run", *asking(shop, loopback, "budget.rounds=1"), *NAME))
    count = states(STORE)
    assert count["failed"] == 3
    assert count["lost"] == 1


def test_a_process_that_is_killed_leaves_no_key_behind(
    guard: Guard, shop: Path, loopback: Loopback
) -> None:
    loopback.faults({"fault": "stall", "times": -1})
    with went_out(loopback):
        process = guard.start("run", *asking(shop, loopback, "budget.rounds=1"), *NAME)
        wait_until(lambda: loopback.counts()["in_flight"] == A_ROUND)
        process.kill()
        guard.finish(process)
        guard.check()
        loopback.faults()
        done(guard.run("run", *NAME))
    assert states(STORE) == {"answered": A_ROUND, "lost": A_ROUND}


@pytest.mark.parametrize(
    "override",
    [
        f"llm.params={{api_key: {CANARY}}}",
        f"llm.api_base='http://me:{CANARY}@127.0.0.1:9/v1'",
        f"llm.params={{extra_headers: {{Authorization: {CANARY}}}}}",
        f"llm.params={{extra_body: {{api_key: {CANARY}}}}}",
    ],
    ids=["parameter", "address", "header", "inside"],
)
def test_a_key_in_the_configuration_is_refused_and_not_repeated(
    override: str, shop: Path, workplace: Path
) -> None:
    """Typed into the command line it is in sight of others: karl at least does not spread it."""
    answer = finish(start("seed", *plain(shop), *model("http://127.0.0.1:9/v1"), override, *NAME))
    assert answer.code == 2
    assert CANARY not in answer.out + answer.err
    assert not RUNS.exists()
