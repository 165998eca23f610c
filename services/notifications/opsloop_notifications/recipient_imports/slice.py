"""What many recipients at once bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.recipient_imports.models import RecipientImport, RecipientImportError, RecipientImportRow
from opsloop_notifications.recipient_imports.routes import router
from opsloop_notifications.recipient_imports.timers import DUE

SLICE = Slice(
    "recipient_imports",
    models=(RecipientImport, RecipientImportError, RecipientImportRow),
    routers=(router,),
    due=DUE,
)
