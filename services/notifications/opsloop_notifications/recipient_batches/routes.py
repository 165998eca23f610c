"""HTTP door of batches of recipients."""

from __future__ import annotations

from opsloop_common.errors import FieldError
from opsloop_common.http.deps import Asked
from opsloop_common.http.routing import ApiRouter, allow, body_limit
from opsloop_common.limits import BATCH_BYTES, BATCH_CONTAINERS, BATCH_VALUES
from opsloop_common.turns import breathing
from opsloop_notifications.recipient_batches.schemas import (
    InvalidRow,
    RecipientBatchIn,
    RecipientBatchOut,
    RecipientRow,
    RecipientRowOut,
    RowErrorOut,
    read_row,
)
from opsloop_notifications.recipients.service import Put, put_many

router = ApiRouter(tags=["recipients"])


@router.post(
    "/v1/recipients:batch",
    dependencies=[
        allow("notifications:write"),
        body_limit(BATCH_BYTES, containers=BATCH_CONTAINERS, values=BATCH_VALUES),
    ],
)
async def put_recipients(body: RecipientBatchIn, call: Asked) -> RecipientBatchOut:
    """Say where up to 1,000 people are reached. Valid rows land together; an invalid row refuses only itself."""
    rows = _each_once(await breathing(read_row, body.items))
    said = {row.user_id: row.model_dump(exclude={"user_id"}) for row in rows if isinstance(row, RecipientRow)}
    became = await put_many(call.session(), said) if said else {}
    return RecipientBatchOut(items=[_told(row, became) for row in rows])


def _each_once(rows: list[RecipientRow | InvalidRow]) -> list[RecipientRow | InvalidRow]:
    """Refuse whoever is named again: which of both rows would count is for the sender to say."""
    seen: set[str] = set()
    found: list[RecipientRow | InvalidRow] = []
    for row in rows:
        if isinstance(row, RecipientRow) and row.user_id in seen:
            row = InvalidRow(row.user_id, (FieldError("/user_id", "is named by an earlier row of the batch"),))
        elif isinstance(row, RecipientRow):
            seen.add(row.user_id)
        found.append(row)
    return found


def _told(row: RecipientRow | InvalidRow, became: dict[str, Put]) -> RecipientRowOut:
    if isinstance(row, InvalidRow):
        errors = [RowErrorOut(pointer=error.pointer, detail=error.detail) for error in row.errors]
        return RecipientRowOut(user_id=row.user_id, status="invalid", errors=errors)
    return RecipientRowOut(user_id=row.user_id, status=became[row.user_id], errors=[])
