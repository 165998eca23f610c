"""Rows of a batch or of a file: each is read by its shape alone, so that a bad one refuses only itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from pydantic import ValidationError, WrapValidator

from opsloop_common.errors import FieldError
from opsloop_common.http.refusals import field_named_by, words_of
from opsloop_common.http.schemas import OutModel
from opsloop_common.http.strict_json import escape
from opsloop_common.limits import ERRORS_SHOWN_OF_A_ROW

RowT = TypeVar("RowT")


def _as_it_came(value: Any, _: Any) -> Any:
    return value


Unread = Annotated[RowT, WrapValidator(_as_it_came)]
"""A row as the contract has it, left as it came: 1,000 rows read in one go would keep everybody waiting."""


class FieldErrorOut(OutModel):
    """One refused field of a row."""

    pointer: str
    detail: str


def faults_of(refusal: ValidationError) -> tuple[FieldError, ...]:
    """Return what is wrong with a row, five things at most, as pointers into it."""
    return tuple(
        FieldError("".join(f"/{escape(str(step))}" for step in error["loc"]) + field_named_by(error), words_of(error))
        for error in refusal.errors(include_url=False, include_input=False)[:ERRORS_SHOWN_OF_A_ROW]
    )


def told(faults: Sequence[FieldError]) -> list[FieldErrorOut]:
    """Return faults as an answer has them."""
    return [FieldErrorOut(pointer=fault.pointer, detail=fault.detail) for fault in faults]
