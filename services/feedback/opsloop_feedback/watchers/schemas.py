"""HTTP shapes of watchers."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from opsloop_common.http.schemas import InModel, OutModel, Timestamp, UserId


class WatchersIn(InModel):
    """Some people."""

    user_ids: Annotated[list[UserId], Field(min_length=1, max_length=50)]


class WatcherOut(OutModel):
    """Somebody who watches a feedback."""

    user_id: str
    since: Timestamp


class WatchersChangedOut(OutModel):
    """How many came or went, and how many there are now."""

    changed: int
    watchers: int
