"""A second interruption ends a process, whatever it hangs in; nothing here imports litellm."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

SECONDS = 30
"""In which it ends, on a busy machine too; the waits below take a minute and more."""

SCRIPT = """
import asyncio, sqlite3, sys, time
from karl.llm.stop import Stop

stop = Stop()


async def patiently():
    await asyncio.sleep(100)


async def in_c_code():
    print("asking", flush=True)
    other = sqlite3.connect("store", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    sqlite3.connect("store", timeout=100).execute("BEGIN IMMEDIATE")


async def in_a_thread():
    await asyncio.get_running_loop().run_in_executor(None, time.sleep, 100)


async def stubbornly():
    while True:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            pass


async def ask(how):
    stop.watch_over()
    if how != "in_c_code":
        asyncio.get_running_loop().call_later(0.1, lambda: print("asking", flush=True))
    await globals()[how]()


try:
    with stop.on_signals(lambda note: print(note, flush=True)):
        asyncio.run(ask(sys.argv[1]))
except asyncio.CancelledError:
    print(repr(stop.reason), flush=True)
"""


def interrupted(how: str, number: signal.Signals, folder: object) -> tuple[int, str, str]:
    """Interrupt a process twice; return its exit status and what it wrote."""
    command = [sys.executable, "-c", SCRIPT, how]
    with subprocess.Popen(
        command, cwd=str(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "asking\n"
        process.send_signal(number)
        if how == "in_c_code":
            time.sleep(1)  # it cannot tell that it has heard
        else:
            assert process.stdout.readline().startswith("stopping after those in flight")
        process.send_signal(number)
        try:
            out, err = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    return process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_interruption_gives_up_what_is_waited_for(
    number: signal.Signals, tmp_path: object
) -> None:
    status, out, err = interrupted("patiently", number, tmp_path)
    assert (status, out, err) == (0, "KeyboardInterrupt()\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("how", ["in_c_code", "in_a_thread", "stubbornly"])
def test_a_second_interruption_ends_a_process_that_hangs(
    how: str, number: signal.Signals, tmp_path: object
) -> None:
    status, _, err = interrupted(how, number, tmp_path)
    assert status == 130
    assert err == "karl: interrupted; the same command goes on where this one stopped\n"
