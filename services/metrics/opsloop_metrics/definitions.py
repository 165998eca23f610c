"""HTTP shapes of a definition, which says whom a segment has; and of what is said of names in it that nothing is called."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, JsonValue, field_validator
from pydantic import ValidationInfo as Info

from opsloop_common.conditions import Condition, Op, Value
from opsloop_common.http.schemas import Duration, InModel, OutModel, ShortText, UserId
from opsloop_metrics.cohorts.rules import MOST_CONDITIONS, Match, PropertyAggregate, require_few
from opsloop_metrics.insights.periods import Interval
from opsloop_metrics.lifecycles.rules import Status
from opsloop_metrics.orders.rules import require_currency
from opsloop_metrics.shapes import Property, Trait, Where

MOST_WITHIN = timedelta(days=3_660)


def _a_while(value: timedelta) -> timedelta:
    if not timedelta() < value <= MOST_WITHIN:
        raise ValueError(f"must be longer than nothing and at most {MOST_WITHIN.days} days")
    return value


Within = Annotated[Duration, AfterValidator(_a_while)]
Scores = Annotated[list[Annotated[int, Field(ge=1, le=5)]], Field(min_length=1, max_length=5)]
Currency = Annotated[str, AfterValidator(require_currency)]


class _Compared(InModel):
    """A condition with an operator and a value."""

    op: Op
    value: Value = Field(default=None, validate_default=True)

    @field_validator("value")
    @classmethod
    def _suits(cls, value: JsonValue, info: Info) -> JsonValue:
        op = info.data.get("op")
        return value if op is None else Condition(field="data.value", op=op, value=value).value


class EventConditionIn(InModel):
    """Did something so often within a time (null: ever); `event` null: whatever people do. `eq` 0: did not."""

    type: Literal["event"]
    event: ShortText | None = None
    where: Where = Field(default_factory=list)
    op: Literal["ge", "le", "eq"] = "ge"
    count: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    within: Within | None = None


class PropertyConditionIn(_Compared):
    """What a property came to over somebody's events: sums, averages and extremes of its numbers, or its last value."""

    type: Literal["property"]
    event: ShortText | None = None
    where: Where = Field(default_factory=list)
    property: Property
    aggregate: PropertyAggregate
    within: Within | None = None


class TraitConditionIn(_Compared):
    """What is known of somebody; a dot leads into an object."""

    type: Literal["trait"]
    trait: Trait


class SegmentConditionIn(InModel):
    """Is in another segment, or is not."""

    type: Literal["segment"]
    segment_id: UUID
    is_member: bool = True


class LifecycleConditionIn(InModel):
    """Is in a stage of the lifecycle, in the interval that runs."""

    type: Literal["lifecycle"]
    stage: Status
    interval: Literal[Interval.DAY, Interval.WEEK, Interval.MONTH]


class RfmConditionIn(InModel):
    """Has one of these scores, 5 being best, in each that is named; `currency` null: the one with the most orders."""

    type: Literal["rfm"]
    recency: Scores | None = None
    frequency: Scores | None = None
    monetary: Scores | None = None
    currency: Currency | None = None


_Leaf = (
    EventConditionIn
    | PropertyConditionIn
    | TraitConditionIn
    | SegmentConditionIn
    | LifecycleConditionIn
    | RfmConditionIn
)


class InnerGroupIn(InModel):
    """Conditions of which all, or any, have to hold; no groups are in it."""

    type: Literal["group"]
    match: Match = Match.ALL
    conditions: Annotated[list[Annotated[_Leaf, Field(discriminator="type")]], Field(max_length=MOST_CONDITIONS)]


class GroupIn(InModel):
    """Conditions, groups among them, of which all, or any, have to hold."""

    type: Literal["group"]
    match: Match = Match.ALL
    conditions: Annotated[
        list[Annotated[_Leaf | InnerGroupIn, Field(discriminator="type")]], Field(max_length=MOST_CONDITIONS)
    ]


Conditions = Annotated[list[Annotated[_Leaf | GroupIn, Field(discriminator="type")]], Field(max_length=MOST_CONDITIONS)]


class ExcludeIn(InModel):
    """Who is left out whatever the conditions say."""

    segment_ids: Annotated[list[UUID], Field(max_length=20)] = Field(default_factory=list)
    user_ids: Annotated[list[UserId], Field(max_length=1_000)] = Field(default_factory=list)


class DefinitionIn(InModel):
    """Whom a dynamic segment has; without conditions `all` is everybody. At most 20 conditions in all, groups 3 deep."""

    match: Match = Match.ALL
    conditions: Conditions = Field(default_factory=list)
    exclude: ExcludeIn = Field(default_factory=ExcludeIn)

    def kept(self) -> dict[str, Any]:
        """Return it as it is kept and shown; raises Invalid for more than a definition may have."""
        stored = self.model_dump(mode="json")
        require_few(stored)
        return stored


class WarningOut(OutModel):
    """What a definition names at `pointer` and nothing is called, in English and Chinese, with the nearest name if one is near."""

    pointer: str
    name: str
    did_you_mean: str | None
    en: str
    zh: str
