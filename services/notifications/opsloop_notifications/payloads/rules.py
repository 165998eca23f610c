"""What a template makes of an event: a JSON document, whatever the event says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opsloop_common import limits
from opsloop_common.documents import read_document, surplus, write_document
from opsloop_common.foreign import Unreadable, reading
from opsloop_notifications.wording import rules as wording
from opsloop_notifications.wording.rules import Faulty as Faulty
from opsloop_notifications.wording.rules import Into

CONTENT_TYPE = "application/json"
"""Of what a template made; it is no CloudEvent any more."""
FAILED = "template_failed"
"""How a delivery ended of which the template came to nothing that can be sent."""


def require_readable(template: str) -> None:
    """Raise Faulty unless it is a template that can be read."""
    wording.read_template(template, Into.JSON, wording.Budget(limits.PAYLOAD_STEPS))


def render(template: str, event: Mapping[str, Any]) -> bytes:
    """Return what a template makes of an event's document; raises Faulty for what is no JSON, is too much, or lacks a value.

    The serializer writes it once more: what is sent is what was understood.
    """
    text = wording.render_template(template, {"event": event}, Into.JSON, wording.Budget(limits.PAYLOAD_STEPS))
    raw = text.encode()
    if detail := surplus(raw, containers=limits.EVENT_CONTAINERS, values=limits.EVENT_VALUES):
        raise Faulty(f"what it comes to {detail}", 1)
    try:
        with reading():
            written = write_document(read_document(raw)).encode()
    except Unreadable as error:
        raise _no_json(error.__cause__) from error
    if len(written) > limits.PAYLOAD_BYTES:
        raise Faulty(f"what it comes to is larger than {limits.PAYLOAD_BYTES // 1024} KiB", 1)
    return written


def _no_json(cause: BaseException | None) -> Faulty:
    place = f" in its line {line}" if (line := getattr(cause, "lineno", None)) else ""
    return Faulty(f"what it comes to is no JSON{place}", 1)
