"""Keys and secrets of end users as somebody asks for them: the shapes that the routes take and the commands too."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from opsloop_common.access import keys
from opsloop_common.access.principal import Publishable
from opsloop_common.errors import Invalid
from opsloop_common.http.schemas import InModel, ShortText, Slug, Timestamp
from opsloop_common.limits import PUBLISHABLE_BYTES_PER_DAY, PUBLISHABLE_ORIGINS, PUBLISHABLE_ROWS_PER_DAY

_ORIGIN = r"^https?://([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(:[1-9][0-9]{0,4})?$"
_OWN_PORTS = {"http": 80, "https": 443}


def _as_browsers_say_it(origin: str) -> str:
    parts = urlsplit(origin)
    if parts.port == _OWN_PORTS[parts.scheme]:  # a ValueError of its own beyond 65535
        raise ValueError("must be as browsers send it, without the port that goes without saying")
    return origin


# no wildcard: one forgotten page, or one page that users fill, below `*.shop.example` would speak for the shop
Origin = Annotated[str, StringConstraints(pattern=_ORIGIN, max_length=253), AfterValidator(_as_browsers_say_it)]
Quota = Annotated[int, Field(ge=1, le=2**53)]


class ApiKeyIn(InModel):
    """A key to make. Only the operator may name a workspace other than its own.

    `source` says who speaks with the key, and natural keys such as `external_id` are unique in it: a key that takes another's
    place takes its source. Without one it is made from the name. `publishable` makes a key for browsers, which only adds;
    `origins` (of pages, such as `https://shop.example`), `rows_per_day` and `bytes_per_day` are of those only.
    """

    name: ShortText
    scopes: Annotated[list[str], Field(min_length=1, max_length=50)]
    workspace: Slug | None = None
    source: Slug | None = None
    expires_at: Timestamp | None = None
    publishable: bool = False
    origins: Annotated[list[Origin], Field(min_length=1, max_length=PUBLISHABLE_ORIGINS)] | None = None
    rows_per_day: Quota | None = None
    bytes_per_day: Quota | None = None

    def browsers(self) -> Publishable | None:
        """Return what makes it a key for browsers, None of a secret key; raises Invalid (422) for half of one."""
        if not self.publishable:
            for field in ("origins", "rows_per_day", "bytes_per_day"):
                if getattr(self, field) is not None:
                    raise Invalid(f"/{field}", "is of publishable keys only")
            return None
        if self.origins is None:
            raise Invalid("/origins", "a publishable key needs at least one origin")
        return Publishable(
            tuple(dict.fromkeys(self.origins)),
            self.rows_per_day or PUBLISHABLE_ROWS_PER_DAY,
            self.bytes_per_day or PUBLISHABLE_BYTES_PER_DAY,
        )

    def require_possible(self, known: Collection[str], *, now: datetime) -> None:
        """Refuse what no service whose scopes are `known` could give; raises Invalid (422)."""
        keys.require_known_scopes(self.scopes, known)
        if self.expires_at is not None and self.expires_at <= now:
            raise Invalid("/expires_at", "must be in the future")
        if self.source is not None:
            keys.require_usable_source(self.source)


class UserSecretIn(InModel):
    """A secret to make. Only the operator may name a workspace other than its own."""

    name: ShortText
    workspace: Slug | None = None
