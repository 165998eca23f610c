"""What playbooks may launch in an hour without a person, and what is held for one beyond it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from opsloop_common import limits

WINDOW = timedelta(hours=1)


class HeldBy(StrEnum):
    """Why a playbook's campaign waits for a person although it asks for none."""

    PLAYBOOK_APPROVAL = "playbook_approval"
    CAUSE_BUDGET = "cause_budget"
    PLAYBOOK_BUDGET = "playbook_budget"
    WORKSPACE_BUDGET = "workspace_budget"


REASONS: Mapping[HeldBy, str] = {
    HeldBy.PLAYBOOK_APPROVAL: "the playbook is not approved yet: the campaign waits for approval",
    HeldBy.CAUSE_BUDGET: "one cause has set off as much as it may in an hour: the campaign waits for approval",
    HeldBy.PLAYBOOK_BUDGET: "the playbook has launched as often as it may in an hour: the campaign waits for approval",
    HeldBy.WORKSPACE_BUDGET: "the playbooks have launched as much as they may in an hour: the campaign waits for approval",
}


@dataclass(frozen=True)
class Budgets:
    """What may be launched in an hour, and how many campaigns may wait for a person."""

    cause_campaigns: int = limits.CAUSE_CAMPAIGNS_PER_HOUR
    cause_messages: int = limits.CAUSE_MESSAGES_PER_HOUR
    playbook_launches: int = limits.PLAYBOOK_LAUNCHES_PER_HOUR
    workspace_launches: int = limits.WORKSPACE_LAUNCHES_PER_HOUR
    workspace_messages: int = limits.WORKSPACE_MESSAGES_PER_HOUR


@dataclass(frozen=True)
class Launched:
    """What one playbook launched without a person because of one cause within the hour; `messages` counts people."""

    playbook_id: UUID
    root: str | None
    campaigns: int
    messages: int


@dataclass
class Spent:
    """What was launched within the hour and what waits, kept up while a batch of events is worked on."""

    campaigns: Counter[UUID | str | None] = field(default_factory=Counter)
    """By playbook, by cause, and of the workspace under None."""
    messages: Counter[str | None] = field(default_factory=Counter)
    """By cause, and of the workspace under None."""
    waiting: Counter[UUID] = field(default_factory=Counter)
    """Campaigns that wait for a person, by playbook."""

    @classmethod
    def of(cls, launched: Iterable[Launched], waiting: Mapping[UUID, int]) -> Spent:
        """Add up what the database says."""
        spent = cls(waiting=Counter(waiting))
        for one in launched:
            spent.add(one)
        return spent

    def add(self, launched: Launched) -> None:
        """Count a launch."""
        for key in {launched.playbook_id, launched.root, None}:
            self.campaigns[key] += launched.campaigns
        for root in {launched.root, None}:
            self.messages[root] += launched.messages

    def exceeded(self, budgets: Budgets, playbook_id: UUID, root: str, *, messages: int) -> HeldBy | None:
        """Return the budget that one more campaign would exceed, the narrowest first."""
        if self.campaigns[root] >= budgets.cause_campaigns or self.messages[root] + messages > budgets.cause_messages:
            return HeldBy.CAUSE_BUDGET
        if self.campaigns[playbook_id] >= budgets.playbook_launches:
            return HeldBy.PLAYBOOK_BUDGET
        if (
            self.campaigns[None] >= budgets.workspace_launches
            or self.messages[None] + messages > budgets.workspace_messages
        ):
            return HeldBy.WORKSPACE_BUDGET
        return None

    def has_room_to_wait(self, playbook_id: UUID) -> bool:
        """Say whether another campaign may wait for a person."""
        return self.waiting[playbook_id] < limits.PLAYBOOK_WAITING and self.waiting.total() < limits.WORKSPACE_WAITING


@dataclass(frozen=True)
class Till:
    """What the workspace's playbooks may launch in an hour, and what they have."""

    budgets: Budgets
    spent: Spent
