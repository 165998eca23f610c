"""The span that the task at hand works within. Nothing of OpenTelemetry is loaded here: `tracer` makes the spans."""

from __future__ import annotations

from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Protocol

from opsloop_common.telemetry.traceparent import is_same_trace


class Span(AbstractContextManager["Span"], Protocol):
    """One recorded step of one service. As a block it is what the task works within, and ends with the block.

    What a block raises is told by its class alone: the texts of errors may be about people.
    """

    traceparent: str
    """What those who are called get, so that their spans stand below this one."""
    is_open: bool

    def enter(self) -> None:
        """Make this what the task works within."""
        ...

    def leave(self) -> None:
        """End it, and go back to what the task worked within before. A second time does nothing."""
        ...

    def rename(self, name: str) -> None:
        """Name it by what is known only now."""
        ...

    def tell(self, **attributes: str | int) -> None:
        """Add attributes; `__` in a name stands for its dot."""
        ...

    def fail(self, kind: str) -> None:
        """Mark it as failed, with a class of failures; the first one stays."""
        ...

    def statement(self, sql: str) -> Span:
        """Begin a span of one statement below this one."""
        ...


CURRENT: ContextVar[Span | None] = ContextVar("opsloop.span", default=None)


def current() -> Span | None:
    """Return what the task works within, if that is recorded and has not ended (tasks outlive what began them)."""
    span = CURRENT.get()
    return span if span is not None and span.is_open else None


def continued(traceparent: str | None) -> str | None:
    """Return where work that `traceparent` caused goes on: at the task's span, if that is of the same trace."""
    span = current()
    if span is None or traceparent is None or not is_same_trace(span.traceparent, traceparent):
        return traceparent
    return span.traceparent
