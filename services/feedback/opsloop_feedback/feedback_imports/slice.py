"""What files of posts bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.feedback_imports.models import FeedbackImport, FeedbackImportError, FeedbackImportKey
from opsloop_feedback.feedback_imports.routes import router
from opsloop_feedback.feedback_imports.timers import DUE

SLICE = Slice(
    "feedback_imports",
    models=(FeedbackImport, FeedbackImportError, FeedbackImportKey),
    routers=(router,),
    due=DUE,
)
