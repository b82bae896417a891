"""A person labels a run's pairs: at a real (pseudo-)terminal, and in a spreadsheet."""

from __future__ import annotations

import codecs
import csv
import fcntl
import json
import os
import pty
import re
import select
import signal
import sqlite3
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.small_shop import Answer, done, finish, karl, settings, start

N_PAIRS = 4
NAME = ("--name", "mine")
RUN = Path("runs/mine")
SHEET = Path("pairs.csv")
WAIT_S = 60
_BAR = re.compile("[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏━]")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def overrides(shop: Path, *more: str) -> list[str]:
    """Return the settings of a run of one round in which a person labels four pairs."""
    small = [override for override in settings(shop) if override != "llm=replay"]
    budget = ("budget.rounds=1", f"budget.labels_per_round={N_PAIRS}")
    return [*small, "llm=human", *budget, *more, *NAME]


class Terminal:
    """A command on a terminal of 80 columns that a test reads and types into."""

    def __init__(self, *arguments: str) -> None:
        self._side, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from karl.cli.app import main; main()", *arguments],
            stdin=other,
            stdout=other,
            stderr=other,
            env=os.environ | {"OMP_NUM_THREADS": "1", "TERM": "xterm"},
        )
        os.close(other)
        self.text = self._cut = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def read_until(self, wanted: str) -> str:
        """Return what is shown up to some text, and wait for it if need be."""
        end = time.monotonic() + WAIT_S
        while wanted not in self.text:
            assert time.monotonic() < end, self.text
            if not self._read():
                raise AssertionError(f"ended before {wanted!r}:\n{self.text}")
        shown, _, self.text = self.text.partition(wanted)
        return shown + wanted

    def type(self, *lines: str) -> None:
        """Type lines, each when a label is asked for."""
        for line in lines:
            self.read_until("label ›")
            os.write(self._side, f"{line}\n".encode())

    def press(self, text: str) -> None:
        os.write(self._side, text.encode())

    def end(self) -> Answer:
        """Wait until the command ends; `out` is what it showed since it was last read."""
        while self._read():
            pass
        return Answer(self.process.wait(WAIT_S), self.text, "")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._side)

    def _read(self) -> bool:
        if not select.select([self._side], [], [], WAIT_S)[0]:
            raise AssertionError(f"nothing more is shown:\n{self.text}")
        try:
            data = os.read(self._side, 65536)
        except OSError:  # the other side is closed
            return False
        # What was read may end within a character, or within a control sequence.
        text, cut, rest = (self._cut + self._decoder.decode(data)).rpartition("\x1b")
        if cut and _CONTROL.match(cut + rest):
            text, cut, rest = text + cut + rest, "", ""
        elif not cut:
            text, rest = rest, ""
        self._cut = cut + rest
        self.text += _CONTROL.sub("", text).replace("\r", "")
        return bool(data)


def answers() -> list[tuple[str, str, str | None]]:
    """Return every answer that was ever written, oldest first."""
    with sqlite3.connect("runs/votes.sqlite") as db:
        return db.execute("SELECT item_1, item_2, value FROM answers ORDER BY id").fetchall()


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def votes() -> list[str]:
    return [row["vote_1"] for row in rows_of(RUN / "rounds/0001/votes.csv")]


def fill_in(labels: str) -> None:
    """Write labels into the sheet from the first row on; a blank is none."""
    rows = rows_of(SHEET)
    for row, label in zip(rows, labels, strict=False):
        row["label"] = label.strip()
    # As European spreadsheet programs save it.
    with SHEET.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def selected(shop: Path, workplace: Path) -> Iterator[None]:
    """A run that has selected its pairs."""
    done(karl("seed", *overrides(shop)))
    done(karl("select", *NAME))
    yield


def test_a_person_labels_quits_and_goes_on(shop: Path, workplace: Path) -> None:
    first = Terminal("run", *overrides(shop))
    first.type("2", "1", "u", "8", "5")
    assert "pair 4 of 4" in first.read_until("label ›")
    first.press("q\n")
    stopped = first.end()
    assert stopped.code == 130
    assert "Labels kept: 3, left: 1." in stopped.out
    assert "the same command goes on" in stopped.out
    assert [value for *_, value in answers()] == ["2", "1", None, "8", "5"]

    second = Terminal("run", *NAME)
    assert "3 kept from before" in second.read_until("label ›")
    second.press("9\n")
    second.read_until("Enter goes on, u undoes ›")
    second.press("\n")
    finished = second.end()
    assert finished.code == 0, finished.out
    assert "Results: runs/mine/metrics.jsonl" in finished.out
    assert votes() == ["2", "8", "5", "9"]
    usage = json.loads((RUN / "rounds/0001/usage.json").read_text())
    nothing = {"calls": 0, "tokens_in": 0, "tokens_out": 0, "cost_usd": 0.0}
    assert usage == {"annotator": "me", **nothing}


@pytest.mark.usefixtures("selected")
def test_a_kill_loses_no_answer_and_the_display_leaves_the_prompt_alone() -> None:
    first = Terminal("label", *NAME)
    first.type("1", "2", "3")
    first.read_until("pair 4 of 4")
    first.read_until("label ›")
    time.sleep(0.5)  # the display would draw five times
    first.press("x\n")
    shown = first.read_until("label ›")
    assert "no such key" in shown
    assert not _BAR.search(shown)
    first.kill()
    assert [value for *_, value in answers()] == ["1", "2", "3"]

    second = Terminal("label", *NAME)
    second.type("4")
    second.read_until("u undoes ›")
    second.press("\n")
    assert second.end().code == 0
    assert votes() == ["1", "2", "3", "4"]


@pytest.mark.usefixtures("selected")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_while_a_label_is_asked_for_end_cleanly(number: signal.Signals) -> None:
    terminal = Terminal("label", *NAME)
    terminal.type("1")
    terminal.read_until("label ›")
    time.sleep(0.3)  # until it waits for a line
    terminal.process.send_signal(number)
    ended = terminal.end()
    assert ended.code == 130
    assert "the same command goes on" in ended.out
    assert len(answers()) == 1


@pytest.mark.usefixtures("selected")
def test_without_a_terminal_the_way_by_sheets_is_told() -> None:
    refused = karl("label", *NAME)
    assert refused.code == 2
    assert "no terminal" in refused.err
    assert "karl sheet write mine FILE.csv" in refused.err


@pytest.mark.usefixtures("selected")
def test_a_run_is_labelled_in_a_spreadsheet() -> None:
    written = done(karl("sheet", "write", "mine", str(SHEET)))
    assert "Pairs that wait for labels: 4, in pairs.csv" in written.out
    assert Path("pairs.labels.txt").exists()
    wanted = rows_of(RUN / "rounds/0001/selected.csv")
    ids = [(row["item_id_1"].strip("'"), row["item_id_2"].strip("'")) for row in rows_of(SHEET)]
    assert ids == [(row["item_id_1"], row["item_id_2"]) for row in wanted]

    fill_in("28 1")
    part = done(karl("sheet", "read", "mine", str(SHEET)))
    assert "New labels of 'me': 3. Still missing: 1." in part.out
    assert "karl label --name mine" in part.out
    kept = karl("sheet", "write", "mine", str(SHEET))
    assert (kept.code, "may hold labels" in kept.err) == (2, True)
    done(karl("sheet", "write", "mine", str(SHEET), "--force"))
    assert len(rows_of(SHEET)) == 1

    fill_in("9")
    rest = done(karl("sheet", "read", "mine", str(SHEET)))
    assert "New labels of 'me': 1. Still missing: 0." in rest.out
    assert "Next: karl run --name mine" in rest.out
    assert "All 4 pairs have labels." in done(karl("sheet", "write", "mine", "more.csv")).out
    done(karl("run", *NAME))
    assert votes() == ["2", "8", "9", "1"]


@pytest.mark.usefixtures("selected")
def test_a_malformed_sheet_changes_nothing() -> None:
    done(karl("sheet", "write", "mine", str(SHEET)))
    fill_in("12x")
    refused = karl("sheet", "read", "mine", str(SHEET))
    assert refused.code == 2
    assert "pairs.csv, row 4, column 'label': 'x' is no label" in refused.err
    assert not Path("runs/votes.sqlite").exists() or not answers()


@pytest.mark.usefixtures("selected")
def test_typed_labels_and_those_of_sheets_are_the_same() -> None:
    terminal = Terminal("label", *NAME)
    terminal.type("7", "q")
    assert terminal.end().code == 130
    done(karl("sheet", "write", "mine", str(SHEET)))
    assert len(rows_of(SHEET)) == 3
    fill_in("123")
    done(karl("sheet", "read", "mine", str(SHEET)))
    done(karl("label", *NAME))
    assert votes() == ["7", "1", "2", "3"]


def test_sheets_are_for_runs_that_wait_for_a_person(shop: Path, workplace: Path) -> None:
    def refusal(*arguments: str) -> str:
        answer = karl("sheet", *arguments)
        assert answer.code == 2
        return answer.err

    assert "there is no run 'none'" in refusal("write", "none", "x.csv")
    done(karl("seed", *settings(shop), "--name", "played"))
    assert "has its labels from llm=replay" in refusal("read", "played", "x.csv")
    done(karl("seed", *overrides(shop)))
    early = refusal("write", "mine", "x.csv")
    assert "next is stage 'select' of round 1" in early
    assert "karl select --name mine" in early
    done(karl("select", *NAME))
    assert "x.csv: cannot be read: No such file" in refusal("read", "mine", "x.csv")
    Path("folder").mkdir()
    assert "cannot be written" in refusal("write", "mine", "folder", "--force")
    Path("file").touch()
    assert "cannot be written" in refusal("write", "mine", "file/x.csv")


def test_a_person_needs_no_language_model_and_no_network(shop: Path, workplace: Path) -> None:
    code = f"""
import atexit, socket, sys
from karl.cli.app import main
def refuse(*_):
    raise AssertionError("the network was asked for")
socket.socket.connect = refuse
atexit.register(lambda: print("litellm" in sys.modules, "httpx" in sys.modules, "end"))
sys.argv = ["karl", "run", *{overrides(shop)!r}]
main()
"""
    done(karl("seed", *overrides(shop)))
    done(karl("select", *NAME))
    done(karl("sheet", "write", "mine", str(SHEET)))
    fill_in("2281")
    done(karl("sheet", "read", "mine", str(SHEET)))
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert found.stdout.endswith("False False end\n")


@pytest.mark.parametrize("command", [(), ("write",), ("read",)])
def test_sheet_commands_have_help(command: tuple[str, ...]) -> None:
    answer = done(karl("sheet", *command, "--help"))
    assert max(map(len, answer.out.splitlines())) <= 80


def test_a_run_without_a_terminal_stops_where_a_person_is_needed(
    shop: Path, workplace: Path
) -> None:
    stopped = finish(start("run", *overrides(shop)))
    assert stopped.code == 2
    assert "karl sheet write mine FILE.csv" in stopped.err
    assert (RUN / "rounds/0001/selected.csv").exists()
