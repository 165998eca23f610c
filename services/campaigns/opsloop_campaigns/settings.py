"""Settings of the campaigns service."""

from __future__ import annotations

from pydantic import Field

from opsloop_campaigns.budgets.rules import Budgets
from opsloop_common import limits
from opsloop_common.settings import Settings


class CampaignsSettings(Settings):
    """What this service reads besides the common settings: what playbooks may launch in an hour without a person."""

    cause_campaigns_per_hour: int = Field(default=limits.CAUSE_CAMPAIGNS_PER_HOUR, ge=1)
    cause_messages_per_hour: int = Field(default=limits.CAUSE_MESSAGES_PER_HOUR, ge=1)
    playbook_launches_per_hour: int = Field(default=limits.PLAYBOOK_LAUNCHES_PER_HOUR, ge=1)
    workspace_launches_per_hour: int = Field(default=limits.WORKSPACE_LAUNCHES_PER_HOUR, ge=1)
    workspace_messages_per_hour: int = Field(default=limits.WORKSPACE_MESSAGES_PER_HOUR, ge=1)


def budgets_from(settings: Settings | None) -> Budgets:
    """Return the budgets, also for a runtime that was built with the common settings only."""
    given = settings if isinstance(settings, CampaignsSettings) else CampaignsSettings()
    return Budgets(
        cause_campaigns=given.cause_campaigns_per_hour,
        cause_messages=given.cause_messages_per_hour,
        playbook_launches=given.playbook_launches_per_hour,
        workspace_launches=given.workspace_launches_per_hour,
        workspace_messages=given.workspace_messages_per_hour,
    )
