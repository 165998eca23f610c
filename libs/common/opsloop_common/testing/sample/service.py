"""The sample service."""

from __future__ import annotations

from opsloop_common.service import Service
from opsloop_common.testing.sample.pages import pages
from opsloop_common.testing.sample.reminders import jobs as reminders_jobs
from opsloop_common.testing.sample.reminders import routes as reminders
from opsloop_common.testing.sample.reminders.events import ReminderRung
from opsloop_common.testing.sample.routes import router
from opsloop_common.testing.sample.tables import Base

SAMPLE = Service(
    name="sample",
    title="Sample",
    metadata=Base.metadata,
    migrations="opsloop_common.testing.sample.migrations",
    scopes=("sample:read", "sample:write", "sample:admin"),
    adding=("sample:write",),
    events=(ReminderRung,),
    routers=(router, reminders.router, pages),
    due=reminders_jobs.DUE,
)
