"""HTTP shapes of merging."""

from __future__ import annotations

from uuid import UUID

from opsloop_common.http.schemas import InModel


class MergeIn(InModel):
    """Which feedback is to stand for this one."""

    into: UUID
