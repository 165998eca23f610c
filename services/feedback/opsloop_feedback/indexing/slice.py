"""What the index brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.indexing.models import FeedbackToken, IndexedFeedback, TokenDf, TokenDfChange
from opsloop_feedback.indexing.timers import DUE

SLICE = Slice(
    "indexing",
    models=(IndexedFeedback, FeedbackToken, TokenDf, TokenDfChange),
    due=DUE,
)
