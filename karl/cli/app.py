"""The command `karl`: commands, and how errors reach the shell.

Only typer and the standard library are imported here, so that `karl --help`
answers at once; commands import what they need when they are called.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from typing import Annotated

import typer

from karl.cli import annotators, data, inspect, run, sheets, sweep
from karl.errors import ExitCode, KarlError
from karl.llm.redact import redact
from karl.version import __version__

__all__ = ["app", "main"]

app = typer.Typer(
    name="karl",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for name in ("run", "seed", "select", "label", "train", "evaluate"):
    app.command(name)(getattr(run, name))
app.command("round")(run.one_round)
app.command()(sweep.sweep)
app.command()(sweep.tune)
app.command()(annotators.estimate)
app.command()(annotators.enrich)
app.command()(inspect.status)
app.command()(inspect.report)
app.command()(inspect.config)
app.add_typer(data.app, name="data")
app.add_typer(sheets.app, name="sheet")
app.add_typer(annotators.app, name="annotators")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"karl {__version__}")
        raise typer.Exit


@app.callback()
def karl(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show a traceback with every error.")
    ] = False,
) -> None:
    """Learn product relations from a few human labels, active learning and an LLM.

    `karl run` does a whole experiment and resumes it; the other commands do one
    stage of a run, or look at runs and data.

    Exit codes: 0 done, 1 a failure inside, 2 wrong usage, configuration or data,
    3 the budget ran out (resumable), 130 interrupted (resumable).
    """


def main() -> None:
    """Run the command line; every error becomes one message and an exit code."""
    # Accepted before and after the command's name.
    debug = "--debug" in sys.argv
    code: int | str | None
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    # A termination by the system is as clean as one from the keyboard.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app(arguments, prog_name="karl", standalone_mode=True)
    except KarlError as error:
        _report(str(error), debug)
        code = error.exit_code
    except SystemExit as stop:  # Typer's own: usage errors, --help, Ctrl-C
        if stop.code == ExitCode.INTERRUPTED:
            _report("interrupted; the same command goes on where this one stopped", debug)
        code = stop.code
    except Exception as error:
        _report(f"{type(error).__name__}: {error}\n`--debug` shows where it happened.", debug)
        code = ExitCode.FAILURE
    else:
        code = ExitCode.DONE
    _leave(code)


def _report(message: str, debug: bool) -> None:
    # A provider may have echoed a key.
    if debug:
        sys.stderr.write(redact(traceback.format_exc()))
    sys.stderr.write(redact(f"karl: {message}\n"))


def _leave(code: int | str | None) -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(code)
