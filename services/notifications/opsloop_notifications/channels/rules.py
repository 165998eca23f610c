"""What a channel may be, and which of several is used. Pure."""

from __future__ import annotations

from enum import StrEnum


class ChannelStatus(StrEnum):
    """A disabled one is not called; what waits for it fails."""

    ENABLED = "enabled"
    DISABLED = "disabled"
