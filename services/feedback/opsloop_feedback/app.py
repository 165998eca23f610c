"""The feedback service as runners see it."""

from __future__ import annotations

from opsloop_common.contracts.feedback import EVENTS
from opsloop_common.service import Service
from opsloop_feedback.conversations import models as _conversations
from opsloop_feedback.conversations.routes import router as conversations
from opsloop_feedback.intake import models as _intake
from opsloop_feedback.intake.meters import IntakeMeter
from opsloop_feedback.intake.routes import router as intake
from opsloop_feedback.settings import FeedbackSettings
from opsloop_feedback.tables import Base

TABLES = (_conversations, _intake)  # imported so that the MetaData is complete

SERVICE = Service(
    name="feedback",
    title="Feedback",
    metadata=Base.metadata,
    migrations="opsloop_feedback.migrations",
    scopes=("feedback:read", "feedback:write", "feedback:admin", "feedback:submit"),
    adding=("feedback:submit",),
    events=EVENTS,
    meters=(IntakeMeter,),
    routers=(intake, conversations),
    settings=FeedbackSettings,
)
