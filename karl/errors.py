"""Errors that are meant for people, and the exit codes they lead to.

Everything a user can cause or mend is raised as a `KarlError`; the command
line prints its message without a traceback and exits with its code.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar

__all__ = ["BudgetExhausted", "ConfigError", "DataError", "ExitCode", "KarlError", "UsageError"]


class ExitCode(IntEnum):
    """What a `karl` command returns to the shell."""

    DONE = 0
    FAILURE = 1
    USAGE = 2
    BUDGET = 3
    INTERRUPTED = 130


class KarlError(Exception):
    """A failure with a message for the user.

    Parameters
    ----------
    message : str
        What is wrong and where.
    hint : str, optional
        What to do about it; printed on a line of its own.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.FAILURE

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n{self.hint}"


class UsageError(KarlError):
    """A command that cannot be carried out as it was given."""

    exit_code = ExitCode.USAGE


class ConfigError(UsageError):
    """An override or a configuration value that cannot be used."""


class DataError(KarlError):
    """Input data that break their format.

    Parameters
    ----------
    message : str
        What is wrong.
    file : path-like or str, optional
        The file it is in.
    row : int, optional
        Line number for people: the header is row 1.
    column : str, optional
        Name of the column.
    hint : str, optional
        What to do about it.
    """

    exit_code = ExitCode.USAGE

    def __init__(
        self,
        message: str,
        *,
        file: object | None = None,
        row: int | None = None,
        column: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.file, self.row, self.column = file, row, column
        parts = [
            None if file is None else str(file),
            None if row is None else f"row {row}",
            None if column is None else f"column '{column}'",
        ]
        place = ", ".join(part for part in parts if part)
        super().__init__(f"{place}: {message}" if place else message, hint=hint)


class BudgetExhausted(KarlError):
    """A budget ran out: a clean stop that a larger budget resumes."""

    exit_code = ExitCode.BUDGET
