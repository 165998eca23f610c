"""HTTP shapes of explanations."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from opsloop_common.http.schemas import OutModel, Timestamp
from opsloop_metrics.explanations.rules import REASONS, Explanation
from opsloop_metrics.shapes import known_field


def _field(field: str) -> str:
    return field if field.startswith("data.") else known_field(field)  # which data its events have, the KPI knows


By = Annotated[str, StringConstraints(min_length=1, max_length=1_100), AfterValidator(_field)]


class ExplainedRowOut(OutModel):
    """What one value adds to the change; null is events that have none.

    Of shares, averages and ratios `change` is `mix` (its weight changed) plus `rate` (what it comes to changed).
    """

    value: str | None
    before: float | None
    after: float | None
    change: float
    share: float | None
    mix: float | None
    rate: float | None
    weight_before: float | None
    weight_after: float | None


class ExplainedFieldOut(OutModel):
    """A change by the values of one field: all rows and `other` together are the whole change.

    They add up to `net`; what they went up or down, to `gross`, which is more where they cancel each other out. `moved`: the most by
    which one of them changed otherwise than its part of the whole would have it, by which the fields are in order.
    """

    field: str
    net: float
    gross: float
    moved: float
    rows: list[ExplainedRowOut]
    other: ExplainedRowOut | None


class AboveOut(OutModel):
    """Which part of the numbers was above `value`, midway from what a median or percentile was to what it became."""

    value: float
    before: float
    after: float


class ExplanationOut(OutModel):
    """What a KPI came to at two times, and by which fields the difference goes, the most telling first.

    `undivided`: why there is none, and in words `reason`; null where it was divided. With `above`, rows are of the change of that part:
    a median rises because more of its numbers lie above the middle of its way.
    """

    model_config = ConfigDict(populate_by_name=True)

    key: str
    compare_from: Timestamp
    compare_to: Timestamp
    from_: Timestamp = Field(alias="from")
    to: Timestamp
    before: float | None
    after: float | None
    change: float | None
    undivided: Literal["reported", "formula", "insight", "aggregate", "no_value"] | None
    reason: dict[str, str] | None
    above: AboveOut | None
    fields: list[ExplainedFieldOut]

    @classmethod
    def of(cls, key: str, explanation: Explanation) -> Self:
        """Return it as it is shown."""
        spans = explanation.spans
        return cls(
            key=key,
            compare_from=spans.compare_start,
            compare_to=spans.compare_end,
            from_=spans.start,
            to=spans.end,
            before=explanation.before,
            after=explanation.after,
            change=explanation.change,
            undivided=explanation.undivided,
            reason=None if explanation.undivided is None else REASONS[explanation.undivided],
            above=None if explanation.above is None else AboveOut.model_validate(explanation.above),
            fields=[ExplainedFieldOut.model_validate(each) for each in explanation.fields],
        )
