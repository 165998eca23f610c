"""HTTP shapes of segments."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, JsonValue, StringConstraints, field_validator
from pydantic import ValidationInfo as Info

from opsloop_common.conditions import Condition, Op, Value
from opsloop_common.http.schemas import Duration, InModel, OutModel, ShortText, Timestamp, UserId, absent, said
from opsloop_metrics.cohorts.rules import MOST_CONDITIONS, Match, PropertyAggregate, require_few
from opsloop_metrics.insights.periods import Interval
from opsloop_metrics.lifecycles.rules import Status
from opsloop_metrics.orders.rules import require_currency
from opsloop_metrics.segments.rules import SegmentKind
from opsloop_metrics.shapes import Property, Trait, Where

Description = Annotated[str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(said)]
MOST_WITHIN = timedelta(days=3_660)
MOST_IDS = 1_000


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


class SegmentIn(InModel):
    """A segment: `dynamic` with a definition, or a `static` list that is filled by hand."""

    name: ShortText
    description: Description | None = None
    kind: SegmentKind
    definition: DefinitionIn | None = None


class SegmentPatch(InModel):
    """What to change; fields left out stay. The kind stays what it is, and a list has no definition: null."""

    name: ShortText = Field(default_factory=absent)
    description: Description | None = None
    definition: DefinitionIn | None = Field(default_factory=absent)


class PreviewIn(InModel):
    """A definition to try out."""

    definition: DefinitionIn


class MembersIn(InModel):
    """People to put on a list, or to take off it: by any of their ids, also by one that nobody has been seen with yet."""

    user_ids: Annotated[list[UserId], Field(min_length=1, max_length=MOST_IDS)]


class SegmentOut(OutModel):
    """A segment. `size` and the members are as of `refreshed_at`, null before the first time; `job_id`: a refresh at work."""

    id: UUID
    name: str
    description: str | None
    kind: SegmentKind
    definition: dict[str, Any] | None
    size: int
    refreshed_at: Timestamp | None
    error: str | None
    job_id: UUID | None
    created_at: Timestamp
    updated_at: Timestamp


class RefreshOut(OutModel):
    """The job that refreshes a segment."""

    job_id: UUID


class PersonOut(OutModel):
    """Somebody in a segment."""

    person_id: UUID
    user_id: str


class MemberOut(PersonOut):
    """Somebody in a segment, and since when."""

    entered_at: Timestamp


class MembersChangedOut(OutModel):
    """How many were put on the list or taken off it, how many were so already, and how many were erased and are not taken in."""

    changed: int
    unchanged: int
    erased: int


class PreviewOut(OutModel):
    """How many people a definition has, some of them, and how long it took; `is_estimate`: a part was looked at, for 5 s."""

    size: int
    is_estimate: bool
    sample: list[PersonOut]
    as_of: Timestamp
    took_ms: int
