"""HTTP shapes of attribution."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, WithJsonSchema

from opsloop_common.http.schemas import OutModel
from opsloop_metrics.attributions.rules import Attribution
from opsloop_metrics.shapes import EventFilterIn, Field_, Lasting, RangeIn, lasting


def _of_properties(field: str) -> str:
    if not field.startswith("properties."):
        raise ValueError("must be a property with numbers: properties.amount")
    return field


Lookback = Annotated[Lasting, lasting(timedelta(seconds=1), timedelta(days=365))]
Number = Annotated[int | float, WithJsonSchema({"type": "number"})]
"""A number as it is: what the first and the last session are credited with has no fraction."""


class AttributionIn(RangeIn):
    """What brought those who did `conversion`? `docs/insights.md` says what gets how much credit; there are no intervals."""

    LIGHTER: ClassVar[str] = "a shorter time, a shorter lookback, or by a field with fewer values"

    conversion: EventFilterIn
    by: Field_ = "channel"
    lookback: Lookback = timedelta(days=30)
    revenue: Annotated[Field_, AfterValidator(_of_properties)] | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    skip_direct: bool = True

    def to_attribution(self) -> Attribution:
        """Return it as rules take it."""
        return Attribution(
            conversion=self.conversion.to_filter(),
            by=self.by,
            lookback=self.lookback,
            revenue=self.revenue,
            limit=self.limit,
            skip_direct=self.skip_direct,
        )


class CreditOut(OutModel):
    """Conversions, shares of them with the linear model, and their money; null where none was asked for."""

    conversions: Number
    revenue: float | None


class AttributedOut(OutModel):
    """A value: `$none` is the absence of one, `$other` all others together. Sessions are those that began in the range."""

    value: str
    sessions: int
    people: int
    first: CreditOut
    last: CreditOut
    linear: CreditOut


class AttributionTotalOut(OutModel):
    """All conversions and their money: what the rows of each model add up to. People are those of the sessions."""

    conversions: int
    revenue: float | None
    people: int


class AttributionOut(OutModel):
    """The values with the most linear credit, the most first."""

    rows: list[AttributedOut]
    total: AttributionTotalOut
