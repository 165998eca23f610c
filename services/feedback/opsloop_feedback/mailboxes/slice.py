"""What mailboxes bring into the service."""

from __future__ import annotations

from opsloop_common.resealing import Sealed
from opsloop_common.service import Slice
from opsloop_feedback.mailboxes.models import Mailbox
from opsloop_feedback.mailboxes.routes import router
from opsloop_feedback.mailboxes.service import PASSWORD_PURPOSE

SLICE = Slice(
    "mailboxes",
    models=(Mailbox,),
    routers=(router,),
    sealed=(Sealed("mailbox", "sealed_password", PASSWORD_PURPOSE),),
)
