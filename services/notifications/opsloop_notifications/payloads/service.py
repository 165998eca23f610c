"""Write payloads beside the loop, a few at a time."""

from __future__ import annotations

import asyncio

from opsloop_common import limits
from opsloop_common.documents import read_document
from opsloop_common.gate import Gate
from opsloop_common.shares import Places
from opsloop_notifications.payloads import rules


class PayloadWriter:
    """What one process writes by templates: in a thread, and of those that wait the workspace goes first that had least lately.

    So a template that takes all its steps keeps neither the loop nor the calls of others waiting for more than one like it.
    """

    def __init__(self) -> None:
        self._gate = Gate(Places(limits.PAYLOADS_AT_ONCE, kept=0))

    async def write(self, template: str, document: bytes, *, workspace: str) -> bytes:
        """Return what a template makes of an event; raises Faulty."""
        async with self._gate.place(workspace):
            return await asyncio.to_thread(_write, template, document)


def _write(template: str, document: bytes) -> bytes:
    return rules.render(template, read_document(document))


async def require_readable(template: str) -> None:
    """Raise Faulty unless it is a template that can be read; others go on meanwhile."""
    await asyncio.to_thread(rules.require_readable, template)
