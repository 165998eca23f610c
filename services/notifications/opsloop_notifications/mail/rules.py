"""What fits into a mail's header. Pure."""

from __future__ import annotations


def one_line(text: str) -> str:
    """Return text fit for a mail header: line breaks and control characters become spaces."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
