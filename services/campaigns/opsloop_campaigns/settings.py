"""Settings of the campaigns service."""

from __future__ import annotations

from opsloop_common.settings import Settings


class CampaignsSettings(Settings):
    """What every service reads; campaigns has no settings of its own yet."""
