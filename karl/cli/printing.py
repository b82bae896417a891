"""Printing tables and lines."""

from __future__ import annotations

from rich.console import Console

from karl.reports.table import Table
from karl.reports.terminal import terminal_table

__all__ = ["print_lines", "print_table"]


def print_table(table: Table) -> None:
    """Print a table, as wide as the terminal at most."""
    console = Console()
    console.print(terminal_table(table, console.width))


def print_lines(*lines: str, wrap: bool = False) -> None:
    """Print lines as they are; those that hold paths and commands are not wrapped."""
    console = Console()
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=not wrap)
