"""The tables of a vote store, and how a store of an earlier version gets them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final

from karl.errors import KarlError

__all__ = ["VERSION", "migrate"]


def migrate(database: sqlite3.Connection) -> None:
    """Bring a store to the present version, inside a transaction; 0 is an empty file.

    Raises
    ------
    KarlError
        If the store is not for this version of karl: why, and what to do.
    """
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise KarlError(
            f"its format is {version}, this karl knows {VERSION} and earlier ones",
            hint="A newer karl made it: use that one.",
        )
    if version == VERSION:  # looking into a store writes nothing
        return
    for step in _STEPS[version:]:
        step(database)
    database.execute(f"PRAGMA user_version = {VERSION}")


_TABLES: Final = (
    """CREATE TABLE calls (
        id INTEGER PRIMARY KEY,
        account TEXT NOT NULL,
        kind TEXT NOT NULL,
        model TEXT NOT NULL,
        prompt TEXT NOT NULL,
        sent_at TEXT NOT NULL,
        max_tokens_in INTEGER NOT NULL,
        max_tokens_out INTEGER NOT NULL,
        max_cost_usd REAL NOT NULL
    )""",
    "CREATE INDEX calls_of_account ON calls (account)",
    """CREATE TABLE claims (
        call INTEGER NOT NULL REFERENCES calls,
        question TEXT NOT NULL,
        vote INTEGER NOT NULL
    )""",
    "CREATE INDEX claims_of_question ON claims (question, vote)",
    """CREATE TABLE outcomes (
        call INTEGER PRIMARY KEY REFERENCES calls,
        state TEXT NOT NULL CHECK (state IN ('answered', 'failed', 'lost')),
        at TEXT NOT NULL,
        tokens_in INTEGER NOT NULL,
        tokens_out INTEGER NOT NULL,
        cost_usd REAL NOT NULL,
        latency_s REAL,
        message TEXT
    )""",
    """CREATE TABLE answers (
        id INTEGER PRIMARY KEY,
        question TEXT NOT NULL,
        vote INTEGER NOT NULL,
        repaired INTEGER NOT NULL,
        kind TEXT NOT NULL,
        item_1 TEXT,
        item_2 TEXT,
        model TEXT NOT NULL,
        prompt TEXT NOT NULL,
        value TEXT,
        raw TEXT NOT NULL,
        call INTEGER NOT NULL REFERENCES calls
    )""",
    "CREATE INDEX answers_to_question ON answers (question, vote, id)",
    """CREATE VIEW votes AS
        SELECT item_1, item_2, answers.model, answers.prompt, vote, value AS label, repaired, raw,
            tokens_in, tokens_out, cost_usd, latency_s, at, account, call
        FROM answers JOIN calls ON calls.id = call JOIN outcomes USING (call)
        WHERE answers.kind = 'label'""",
)


def _make_tables(database: sqlite3.Connection) -> None:
    # Not by `executescript`, which would end the transaction.
    for statement in _TABLES:
        database.execute(statement)


def _drop_batches(database: sqlite3.Connection) -> None:
    """Drop the tables by which karl 0.1.0 sent requests in batches, if no batch is open."""
    query = "SELECT count(*) FROM sqlite_master WHERE name = 'calls_in_batches'"
    if database.execute(query).fetchone() == (0,):
        return
    held = database.execute(
        "SELECT account, count(*) FROM calls_in_batches JOIN calls ON calls.id = call GROUP BY 1"
    ).fetchall()
    if held:
        of_runs = ", ".join(f"{n} of the run '{account}'" for account, n in held)
        raise KarlError(
            f"{sum(n for _, n in held)} requests are in batches at the provider ({of_runs}), and "
            "this karl knows no batches",
            hint="karl 0.1.0, running the same command again, collects their answers.",
        )
    for name in ("calls_in_batches", "open_batches"):
        database.execute(f"DROP VIEW {name}")
    for name in ("batch_calls", "batch_states", "batches"):
        database.execute(f"DROP TABLE {name}")


# From each version to the next one.
_STEPS: Final[Sequence[Callable[[sqlite3.Connection], None]]] = (_make_tables, _drop_batches)
VERSION: Final = len(_STEPS)
"""Of the stores that this karl writes; PRAGMA user_version tells it."""
