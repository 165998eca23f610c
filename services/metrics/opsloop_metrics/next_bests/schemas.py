"""HTTP shapes of what may be next."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator

from opsloop_common.http.schemas import OutModel, UserId, said
from opsloop_metrics.next_bests.rules import NextBest
from opsloop_metrics.shapes import EventFilterIn, Field_, RangeIn

Item = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(said)]


class NextBestIn(RangeIn):
    """What goes with `item`, or with what the person used whom `user_id` names; without either: which items go together most.

    Items are the values of `by` in events that match `of`.
    """

    LIGHTER: ClassVar[str] = "a shorter time, fewer events in of, or with one item"

    of: EventFilterIn = Field(default_factory=EventFilterIn)
    by: Field_ = "event"
    user_id: UserId | None = None
    item: Item | None = None
    exclude: Annotated[list[Item], Field(max_length=1_000)] = Field(default_factory=list)
    min_people: Annotated[int, Field(ge=1, le=10_000)] = 3
    limit: Annotated[int, Field(ge=1, le=50)] = 10

    @field_validator("item")
    @classmethod
    def _one_beginning(cls, item: str | None, said: ValidationInfo) -> str | None:
        if item is not None and said.data.get("user_id") is not None:
            raise ValueError("user_id and item are two questions; name one of them")
        return item

    def to_question(self) -> NextBest:
        """Return it as rules take it."""
        return NextBest(
            of=self.of.to_filter(),
            by=self.by,
            user_id=self.user_id,
            item=self.item,
            exclude=frozenset(self.exclude),
            min_people=self.min_people,
            limit=self.limit,
        )


class ProposalOut(OutModel):
    """An item, what it goes with (null: what the person used), how many used it, and how many both (or any of the person's)."""

    item: str
    goes_with: str | None
    score: float
    people: int
    together: int


class NextBestOut(OutModel):
    """The items that go best with it, of the `items_compared` (at most 1,000) that most people used.

    `begins_with`: how many of the person's items they were compared with, or whether `item` is compared (1 or 0); null for pairs.
    """

    items_compared: int
    begins_with: int | None
    rows: list[ProposalOut]
