"""What sends the lines of an endpoint, in a process of its own, to be killed.

`python -m services.notifications.tests.lines_process URL HOOK STEP`
"""

import asyncio
import json
import sys
from uuid import UUID

from sqlalchemy import text

from opsloop_common.clock import SystemClock
from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import Context, Database, app_role
from opsloop_common.due.claims import release_dead_claims
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.http import Api, open_api, settings_for_tests
from opsloop_notifications.app import SERVICE
from opsloop_notifications.sending.consumers import WEBHOOKS
from opsloop_notifications.sending.timers import dispatch_webhooks

EACH = 12
STANDS_AT = 4
"""The place in the first stream of what the template cannot make."""
STREAMS = [UUID(int=number) for number in (1, 2, 3)]
TEMPLATE = '{"stream": {{ event.subject }}, "place": {{ event.sequence }}}'
STRICT = (
    f'{{% if event.sequence == {STANDS_AT} and event.subject == "campaign/{STREAMS[0]}" %}}{{{{ event.data.nobody }}}}{{% endif %}}'
    f"{TEMPLATE}"
)
_LEFT = text(
    "SELECT count(*) FROM delivery_queue AS q JOIN delivery_line AS l ON l.id = q.line_id WHERE l.parked_at IS NULL"
)
_WAITING = text("SELECT count(*) FROM delivery_queue")


class Sender:
    """The service with its database, as its one user uses it."""

    def __init__(self, api: Api, database: Database) -> None:
        self.api, self.database = api, database

    async def call(self, method: str, path: str, body: object = None) -> dict:
        """Ask the service for something; returns what it answers."""
        answer = await self.api.client.request(method, path, json=body, headers=await self.api.key())
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else {}

    async def begin(self, url: str) -> None:
        """Make the endpoint, and have things happen."""
        fields = {"url": url, "event_types": ["*"], "ordering": "stream", "payload_template": STRICT}
        await self.call("POST", "/v1/webhooks", fields)
        for place in range(1, EACH + 1):
            events = [make_event(CampaignPaused(campaign_id=of, name="n"), sequence=place) for of in STREAMS]
            await deliver(self.database, WEBHOOKS, *events)

    async def mend(self) -> None:
        """Give the endpoint a template that makes all of it, and let the line that stands go on."""
        hook = await self.hook()
        await self.call("PATCH", f"/v1/webhooks/{hook}", {"payload_template": TEMPLATE})
        for line in await self.standing():
            await self.call("POST", f"/v1/webhooks/{hook}/lines/{line['id']}/resume")

    async def hook(self) -> str:
        """Return the endpoint's id."""
        return (await self.call("GET", "/v1/webhooks"))["items"][0]["id"]

    async def standing(self) -> list[dict]:
        """Return the lines that stand."""
        return (await self.call("GET", f"/v1/webhooks/{await self.hook()}/lines?status=parked"))["items"]

    async def send(self) -> None:
        """Send until nothing is left but what waits in lines that stand."""
        async with self.database.transaction() as session:
            await session.execute(
                text("INSERT INTO worker (id, instance) VALUES (:id, 'test')"), {"id": self.api.runtime.boot_id}
            )
            await release_dead_claims(session, "delivery_queue", all=True, keep=self.api.runtime.boot_id)
        sending = asyncio.create_task(dispatch_webhooks(self.api.runtime))
        async with asyncio.timeout(60):
            while await self.count(_LEFT):  # noqa: ASYNC110 the condition is in the database
                await asyncio.sleep(0.05)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

    async def count(self, statement: object) -> int:
        """Return what a statement counts."""
        async with self.database.transaction(Context("acme")) as session:
            return (await session.scalars(statement)).one()


async def main(url: str, hook: str, step: str) -> None:
    """Do one step and send what is due; print what is left."""
    database = Database(url, service=SERVICE.name, clock=SystemClock(), role=app_role(SERVICE.name))
    try:
        settings = settings_for_tests(SERVICE.settings, outbound_allow="127.0.0.0/8")
        async with open_api(SERVICE, database, settings) as api:
            sender = Sender(api, database)
            if step == "begin":
                await sender.begin(hook)
            elif step == "mend":
                await sender.mend()
            await sender.send()
            standing = [(line["stream"], line["waiting"]) for line in await sender.standing()]
            told = {"standing": standing, "waiting": await sender.count(_WAITING)}
            sys.stdout.write(json.dumps(told) + "\n")
    finally:
        await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
