"""Settings of the feedback service."""

from __future__ import annotations

from opsloop_common.settings import Settings


class FeedbackSettings(Settings):
    """What every service reads; feedback has no settings of its own yet."""
