"""Calls and answers as tests write them to a vote store."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from karl.llm import migrations
from karl.llm.budget import Usage
from karl.llm.store import Call, Key, NewAnswer, Outcome, VoteStore

DIED = 7
MOST = Usage(1, 100, 10, 0.5)
USED = Usage(1, 60, 5, 0.25)


def call(*keys: Key, account: str = "run", prompt: str = "p") -> Call:
    return Call(account, "label", "m", prompt, keys, MOST)


def answer(key: Key, value: Any, *, repaired: bool = False) -> NewAnswer:
    raw = f'{{"label": {value}}}'
    return NewAnswer(key, ("a", "b"), value, raw, repaired)


def claim(store: VoteStore, *keys: Key, account: str = "run", prompt: str = "p") -> int:
    """Write a call down that must be allowed; return its number."""
    with store.transaction():
        number = store.claim(call(*keys, account=account, prompt=prompt)).call
    assert number is not None
    return number


def write(store: VoteStore, key: Key, value: Any, *, repaired: bool = False) -> int:
    """Write down a call and its answer."""
    number = claim(store, key)
    settle(store, number, answer(key, value, repaired=repaired))
    return number


def settle(store: VoteStore, number: int, *answers: NewAnswer, state: Any = "answered") -> None:
    used = Usage() if state == "failed" else USED
    with store.transaction():
        store.settle(Outcome(number, state, used, 1.5), answers)


def write_many(path: Path, account: str, count: int) -> None:
    """Write answers one by one, as the whole work of a process; tell each in a file when done."""
    written = path.with_name(f"{account}.txt")
    with VoteStore(path) as store, store.open_account(account), written.open("ab", 0) as told:
        for number in range(count):
            key = (f"{account} {number}", 0)
            if key not in store.find([key]):
                settle(store, claim(store, key, account=account), answer(key, number % 9 + 1))
            os.write(told.fileno(), f"{number}\n".encode())


def hold(path: Path, account: str, *keys: Key) -> None:
    """Ask for ever, as the whole work of a process; a file ACCOUNT.held tells that it does."""
    with VoteStore(path) as store, store.open_account(account):
        claim(store, *keys, account=account)
        path.with_name(f"{account}.held").touch()
        time.sleep(600)


def open_new(path: Path, account: str) -> None:
    """Open a store that is not there yet, at the same time as others, and write to it."""
    while not path.with_name("go").exists():
        time.sleep(0.001)
    write_many(path, account, 3)


def migrate_and_die(path: Path) -> None:
    """Open a store of an earlier version, and die once all is done but nothing is committed."""
    migrations._STEPS = (*migrations._STEPS, lambda _: os._exit(DIED))  # type: ignore[misc]
    VoteStore(path)
