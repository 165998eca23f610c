"""The script that shows an inbox on somebody's page, read once."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def script() -> str:
    """Return the script."""
    return files("opsloop_notifications.in_app").joinpath("inbox.js").read_text("utf-8")
