"""The scripts that show the widget and the chat on somebody's page, read once."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def script(name: str = "widget.js") -> str:
    """Return a script by its name, which is ours."""
    return files("opsloop_feedback.widget").joinpath(name).read_text("utf-8")
