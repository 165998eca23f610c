"""What is said through which channel. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

EMAIL = "email"
Contents = Sequence[Mapping[str, Any]]  # of each language and channel, what is said


def of_channel(contents: Contents, channel: str) -> list[Mapping[str, Any]]:
    """Return what is said through a channel; what campaigns say names none, and is mail."""
    return [content for content in contents if content.get("channel", EMAIL) == channel]
