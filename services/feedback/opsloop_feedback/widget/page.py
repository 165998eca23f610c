"""The script that shows the widget on somebody's page, read once."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def script() -> str:
    """Return the script."""
    return files("opsloop_feedback.widget").joinpath("widget.js").read_text("utf-8")
