"""Versions of what people change, as `ETag` and `If-Match` say them."""

from __future__ import annotations

from dataclasses import dataclass

from opsloop_common.errors import StaleVersion


def etag(version: int) -> str:
    """Return the strong entity tag of a version."""
    return f'"{version}"'


@dataclass(frozen=True)
class Precondition:
    """Which versions a change is meant for: an `If-Match` header, or none."""

    header: str | None

    def require(self, version: int) -> None:
        """Go on only when the header is absent, `*`, or names `version`; raises StaleVersion (412)."""
        if self.header is None:
            return
        tags = {tag.strip() for tag in self.header.split(",")}
        if "*" not in tags and etag(version) not in tags:
            raise StaleVersion("If-Match does not name the present version.")


ANY_VERSION = Precondition(None)
"""For changes that nobody made from something they had seen."""
