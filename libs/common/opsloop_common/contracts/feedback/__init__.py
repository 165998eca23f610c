"""Events of the feedback service: a module a room, all of them here by name."""

from __future__ import annotations

from opsloop_common.contracts.envelope import EventData
from opsloop_common.contracts.feedback import erasures, merges, posts, ratings, replies, resolution, service_levels
from opsloop_common.contracts.feedback.erasures import FeedbackErased
from opsloop_common.contracts.feedback.merges import FeedbackMerged, FeedbackUnmerged
from opsloop_common.contracts.feedback.posts import (
    Author,
    Channel,
    FeedbackAssigned,
    FeedbackClassified,
    FeedbackEscalated,
    FeedbackEvent,
    FeedbackReceived,
    Kind,
    Severity,
)
from opsloop_common.contracts.feedback.ratings import FeedbackRated
from opsloop_common.contracts.feedback.replies import FeedbackReplied, ReplyChannel, ReplyRequested
from opsloop_common.contracts.feedback.resolution import FeedbackReopened, FeedbackResolved
from opsloop_common.contracts.feedback.service_levels import FeedbackSlaApproaching, FeedbackSlaBreached
from opsloop_common.contracts.users import UserContactChanged

EVENTS: tuple[type[EventData], ...] = (
    *posts.EVENTS,
    *replies.EVENTS,
    *resolution.EVENTS,
    *ratings.EVENTS,
    *merges.EVENTS,
    *service_levels.EVENTS,
    *erasures.EVENTS,
    UserContactChanged,
)

__all__ = [
    "EVENTS",
    "Author",
    "Channel",
    "FeedbackAssigned",
    "FeedbackClassified",
    "FeedbackErased",
    "FeedbackEscalated",
    "FeedbackEvent",
    "FeedbackMerged",
    "FeedbackRated",
    "FeedbackReceived",
    "FeedbackReopened",
    "FeedbackReplied",
    "FeedbackResolved",
    "FeedbackSlaApproaching",
    "FeedbackSlaBreached",
    "FeedbackUnmerged",
    "Kind",
    "ReplyChannel",
    "ReplyRequested",
    "Severity",
]
