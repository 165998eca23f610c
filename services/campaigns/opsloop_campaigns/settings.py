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

    @property
    def budgets(self) -> Budgets:
        """Return what playbooks may launch in an hour."""
        return Budgets(
            cause_campaigns=self.cause_campaigns_per_hour,
            cause_messages=self.cause_messages_per_hour,
            playbook_launches=self.playbook_launches_per_hour,
            workspace_launches=self.workspace_launches_per_hour,
            workspace_messages=self.workspace_messages_per_hour,
        )
