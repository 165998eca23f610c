"""Versions of what people change, as `ETag`, `If-Match` and `If-None-Match` say them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from opsloop_common.errors import StaleVersion

_TAG = r'(?:(?:W/)?"[^"]*"|\*)'  # a comma inside quotes is part of a tag
_TAGS = re.compile(rf"\s*(?:{_TAG}\s*)?(?:,\s*(?:{_TAG}\s*)?)*")


def etag(version: int | str) -> str:
    """Return the strong entity tag of a version: a number, or a name without quotes."""
    return f'"{version}"'


@dataclass(frozen=True)
class Precondition:
    """Which versions a change is meant for: an `If-Match` header, or none."""

    header: str | None

    def require(self, *names: int | str) -> None:
        """Go on only when the header is absent, `*`, or has one of the present version's names; raises StaleVersion (412)."""
        if self.header is None:
            return
        tags = re.findall(_TAG, self.header) if _TAGS.fullmatch(self.header) else ()
        if "*" not in tags and not any(etag(name) in tags for name in names):
            raise StaleVersion("If-Match does not name the present version.")

    def require_none(self) -> None:
        """Go on only when the header is absent: there is no version that it could name, not even for `*`. Raises StaleVersion."""
        if self.header is not None:
            raise StaleVersion("If-Match names a version of what does not exist.")


def is_known(tag: str, header: str) -> bool:
    """Say whether an `If-None-Match` header names an entity tag, by weak comparison (RFC 9110 §8.8.3.2), or any with `*`."""
    tags = re.findall(_TAG, header) if _TAGS.fullmatch(header) else ()
    return any(each == "*" or each.removeprefix("W/") == tag.removeprefix("W/") for each in tags)


ANY_VERSION = Precondition(None)
"""For changes that nobody made from something they had seen."""
