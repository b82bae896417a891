from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cli.small_shop import done, karl, start

from karl import __version__
from karl.cli.app import app

COMMANDS = sorted(
    command.name or command.callback.__name__.replace("_", "-")  # type: ignore[union-attr]
    for command in app.registered_commands
)
HEAVY = "torch litellm hydra sklearn polars numpy pydantic omegaconf scipy matplotlib optuna".split()


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


def test_help_imports_nothing_heavy() -> None:
    calls = [["--help"], ["--version"], ["data", "--help"], *([c, "--help"] for c in COMMANDS)]
    code = f"""
import sys
from karl.cli.app import main
for arguments in {calls!r}:
    sys.argv = ["karl", *arguments]
    try:
        main()
    except SystemExit as stop:
        assert not stop.code
heavy = sorted(set(sys.modules) & set({HEAVY!r}))
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


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
