"""What every way out has in common: what is said to whom, the call that says it, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from opsloop_notifications.formats.rules import Button, Language

Entropy = Callable[[int], bytes]
"""Returns so many random bytes: rules make none themselves."""


class Outcome(StrEnum):
    """`later`: it may be tried again. `gone`: there is nobody at this address any more."""

    SENT = "sent"
    FAILED = "failed"
    LATER = "later"
    GONE = "gone"


@dataclass(frozen=True)
class Verdict:
    """What came of a call: why not, in the provider's words, how long to leave it alone, and how it calls what it took."""

    outcome: Outcome
    detail: str | None = None
    wait: timedelta | None = None
    provider_id: str | None = None


@dataclass(frozen=True)
class Told:
    """What is said, in a person's language; `id` is the same on every try. `url`: where there is more."""

    id: UUID
    title: str | None
    body: str
    url: str | None
    language: Language
    buttons: Sequence[Button] = ()


@dataclass(frozen=True)
class Setup:
    """A channel as it is called: its address, what signs its calls, the headers of its owner, and what else its kind has."""

    kind: str
    url: str
    secret: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    rate: float | None = None
    """So many calls a second at most; None is any number."""


@dataclass(frozen=True)
class Target:
    """Where one person is reached: a phone, how a chat calls them, or a device with its keys. Empty: whoever is in the chat."""

    address: str
    keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Post:
    """A call; `method` is GET or POST. `secret_headers` are not to be written down."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    method: str = "POST"


class Unsendable(ValueError):
    """It can never be said this way; the text says why."""


class Way(Protocol):
    """One kind of provider."""

    def compose(self, told: Told, setup: Setup, target: Target, *, now: datetime, entropy: Entropy) -> Post:
        """Return the call that says it, cut to what the provider takes; raises Unsendable."""
        ...

    def judge(self, setup: Setup, status: int, headers: Mapping[str, str], body: str) -> Verdict:
        """Return what an answer means; `body` is hostile text."""
        ...
