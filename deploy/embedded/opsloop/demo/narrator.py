"""Tells the story line by line, with the time since its beginning."""

from __future__ import annotations

import time

import typer


class Narrator:
    """Prints; `say.more(...)` adds a detail below the last line."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Return the seconds since the beginning."""
        return time.monotonic() - self._began

    def __call__(self, line: str) -> None:
        typer.echo(f"{self.seconds:6.1f} s  {line}")

    def more(self, line: str) -> None:
        """Print a detail of the last line."""
        typer.echo(f"          {line}")
