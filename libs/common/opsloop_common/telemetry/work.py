"""Spans of what is done later: due work, mails."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opsloop_common.telemetry.tracer import Kind, Tracer


def working(
    tracer: Tracer | None, traceparent: str | None, name: str, *, kind: Kind = "internal"
) -> AbstractContextManager[Any]:
    """Have a span below what caused the work, if that is recorded."""
    span = None if tracer is None else tracer.after(traceparent, name, kind, {})
    return nullcontext() if span is None else span
