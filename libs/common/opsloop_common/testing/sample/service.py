"""The sample service."""

from __future__ import annotations

from opsloop_common.service import Service
from opsloop_common.testing.sample import slice as notes
from opsloop_common.testing.sample.reminders import events
from opsloop_common.testing.sample.reminders import slice as reminders
from opsloop_common.testing.sample.tables import Base

SAMPLE = Service(
    name="sample",
    title="Sample",
    metadata=Base.metadata,
    migrations="opsloop_common.testing.sample.migrations",
    scopes=("sample:read", "sample:write", "sample:admin"),
    adding=("sample:write",),
    events=events.EVENTS,
    slices=(notes.SLICE, reminders.SLICE),
)
