"""The feedback service, put together."""

from __future__ import annotations

from opsloop_common.contracts.feedback import EVENTS
from opsloop_common.service import Service
from opsloop_feedback.calendars import slice as calendars
from opsloop_feedback.canned_replies import slice as canned_replies
from opsloop_feedback.conversations import slice as conversations
from opsloop_feedback.intake import slice as intake
from opsloop_feedback.items import slice as items
from opsloop_feedback.macros import slice as macros
from opsloop_feedback.routing_rules import slice as routing_rules
from opsloop_feedback.settings import FeedbackSettings
from opsloop_feedback.sla_clocks import slice as sla_clocks
from opsloop_feedback.sla_policies import slice as sla_policies
from opsloop_feedback.slas import slice as slas
from opsloop_feedback.tables import Base
from opsloop_feedback.teams import slice as teams
from opsloop_feedback.watchers import slice as watchers

SERVICE = Service(
    name="feedback",
    title="Feedback",
    metadata=Base.metadata,
    migrations="opsloop_feedback.migrations",
    scopes=("feedback:read", "feedback:write", "feedback:admin", "feedback:submit"),
    adding=("feedback:submit",),
    events=EVENTS,
    slices=(
        intake.SLICE,
        items.SLICE,
        conversations.SLICE,
        calendars.SLICE,
        teams.SLICE,
        sla_policies.SLICE,
        sla_clocks.SLICE,
        slas.SLICE,
        routing_rules.SLICE,
        canned_replies.SLICE,
        macros.SLICE,
        watchers.SLICE,
    ),
    settings=FeedbackSettings,
)
