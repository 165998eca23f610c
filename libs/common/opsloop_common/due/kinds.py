"""Kinds of due work."""

from __future__ import annotations


class DueKind:
    """Replaced by the due pattern."""
