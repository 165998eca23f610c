"""HTTP shapes of batches of recipients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, WrapValidator

from opsloop_common.errors import FieldError
from opsloop_common.http.every_service.workspace import TimeZone
from opsloop_common.http.schemas import EmailAddress, InModel, Locale, OutModel, ShortText, UserId, is_user_id
from opsloop_common.http.strict_json import escape
from opsloop_common.limits import ERRORS_SHOWN_OF_A_ROW

BATCH_ROWS = 1_000


class RecipientRow(InModel):
    """Where one person is reached: the fields of `PUT /v1/recipients/{user_id}`."""

    user_id: UserId
    email: EmailAddress | None = None
    locale: Locale | None = None
    name: ShortText | None = None
    time_zone: TimeZone | None = None
    state: Literal["unconfirmed", "confirmed"] | None = None


@dataclass(frozen=True)
class InvalidRow:
    """A row that is refused, and why."""

    user_id: str | None
    errors: tuple[FieldError, ...]


def read_row(value: Any) -> RecipientRow | InvalidRow:
    """Return a row of a batch, or why it is refused."""
    try:
        return RecipientRow.model_validate(value)
    except ValidationError as refusal:
        name = value.get("user_id") if isinstance(value, dict) else None
        errors = tuple(
            FieldError(
                "".join(f"/{escape(str(step))}" for step in error["loc"]), error["msg"].removeprefix("Value error, ")
            )
            for error in refusal.errors(include_url=False, include_input=False)[:ERRORS_SHOWN_OF_A_ROW]
        )
        return InvalidRow(name if is_user_id(name) else None, errors)


def _unread(value: Any, _: Any) -> Any:
    # 1,000 rows in one go would keep everybody waiting: `read_row` reads them one at a time
    return value


class RecipientBatchIn(InModel):
    """Many people at once."""

    items: list[Annotated[RecipientRow, WrapValidator(_unread)]] = Field(min_length=1, max_length=BATCH_ROWS)


class RowErrorOut(OutModel):
    """One refused field of a row."""

    pointer: str
    detail: str


class RecipientRowOut(OutModel):
    """What became of one row."""

    user_id: str | None
    status: Literal["created", "updated", "unchanged", "invalid"]
    errors: list[RowErrorOut]


class RecipientBatchOut(OutModel):
    """What became of each row, in the order sent."""

    items: list[RecipientRowOut]
