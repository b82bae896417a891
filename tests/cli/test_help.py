from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cli.small_shop import done, karl, start

from karl.cli.app import app
from karl.version import __version__

COMMANDS = sorted(
    command.name or command.callback.__name__.replace("_", "-")  # type: ignore[union-attr]
    for command in app.registered_commands
)
HEAVY = {"torch", "litellm", "hydra", "sklearn", "polars", "numpy", "pydantic", "omegaconf"}


def test_every_command_of_the_contract_that_exists_is_listed() -> None:
    answer = done(karl("--help"))
    assert set(COMMANDS) >= {"run", "round", "seed", "select", "label", "train", "evaluate"}
    assert set(COMMANDS) >= {"status", "report", "config"}
    for command in (*COMMANDS, "data"):
        assert f" {command} " in answer.out
    assert "Exit codes: 0 done" in answer.out


@pytest.mark.parametrize("command", [*COMMANDS, "data"])
def test_every_command_has_help(command: str) -> None:
    answer = done(karl(command, "--help"))
    assert f"karl {command}" in answer.out
    assert "--help" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("calls", "heavy"),
    [
        ([["--help"], ["--version"], []], HEAVY),
        # Typer reads the arguments of a command with pydantic, also before its help.
        ([[command, "--help"] for command in COMMANDS], HEAVY - {"pydantic"}),
    ],
    ids=["karl", "commands"],
)
def test_help_imports_nothing_heavy(calls: list[list[str]], heavy: set[str]) -> None:
    code = f"""
import sys
from karl.cli.app import main
for sys.argv in {[["karl", *call] for call in calls]!r}:
    try:
        main()
    except SystemExit:
        pass
print(*sorted(set(sys.modules) & {heavy!r}), file=sys.stderr, end="")
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stderr == ""


def test_the_version_is_told() -> None:
    assert done(karl("--version")).out == f"karl {__version__}\n"


def test_no_arguments_show_the_help() -> None:
    answer = karl()
    assert "Usage: karl" in answer.out + answer.err
    assert answer.code in (0, 2)


def test_the_installed_command_is_this_one() -> None:
    script = Path(sys.executable).with_name("karl")
    found = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert found.stdout == f"karl {__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["config"]], ids=lambda a: a[0])
def test_a_reader_that_has_gone_is_no_error(arguments: list[str]) -> None:
    process = start(*arguments)
    assert process.stdout and process.stderr
    process.stdout.close()
    assert process.stderr.read() == ""
    process.wait()
