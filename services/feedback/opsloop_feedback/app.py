"""The feedback service, put together."""

from __future__ import annotations

from opsloop_common.contracts.feedback import EVENTS
from opsloop_common.service import Service
from opsloop_feedback.conversations import slice as conversations
from opsloop_feedback.intake import slice as intake
from opsloop_feedback.items import slice as items
from opsloop_feedback.learning import slice as learning
from opsloop_feedback.previews import slice as previews
from opsloop_feedback.settings import FeedbackSettings
from opsloop_feedback.tables import Base
from opsloop_feedback.taxonomy import slice as taxonomy
from opsloop_feedback.triage_rules import slice as triage_rules

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
        learning.SLICE,
        triage_rules.SLICE,
        previews.SLICE,
        taxonomy.SLICE,
    ),
    settings=FeedbackSettings,
)
