"""The bus port."""

from __future__ import annotations

from typing import Protocol


class Bus(Protocol):
    """Replaced by the backbone."""
