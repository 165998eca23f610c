"""`opsloop reseal`: what the services keep sealed gets the present key, and what no key opens is told."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from typer.testing import CliRunner

from opsloop import tools
from opsloop.cli import cli
from opsloop.services import MEMBERS
from opsloop_common.db import Context
from opsloop_common.http.credentials import UserSecretIn
from opsloop_common.runner import commands
from opsloop_common.runner.build import build_runtime
from opsloop_common.secretbox import SecretBox
from opsloop_common.testing.http import settings_for_tests

OLD, NEW = (f"the-{which}-key-0123456789-abcdefghijkl" for which in ("old", "new"))
SOME = [service for service in MEMBERS if service.name in ("feedback", "notifications")]


class Whole:
    """Two of the services, on databases of the test."""

    def __init__(self, urls):
        self.urls = urls
        self.keys = {"secret_key": OLD}

    @asynccontextmanager
    async def opened(self, _=None):
        runtimes = [
            build_runtime(
                service, settings_for_tests(service.settings, **self.keys), database_url=self.urls[service.name]
            )
            for service in SOME
        ]
        try:
            yield runtimes
        finally:
            for runtime in runtimes:
                await runtime.db.close()

    async def seal(self):
        async with self.opened() as runtimes:
            for runtime in runtimes:
                await commands.create_user_secret(
                    runtime.db, runtime.secrets, UserSecretIn(name="shop", workspace="acme")
                )

    def __call__(self, status=0, **keys):
        self.keys = keys
        ended = CliRunner().invoke(cli, ["reseal"])
        assert ended.exit_code == status, ended.output
        return ended.output


@pytest.fixture
def whole(databases, monkeypatch):
    made = Whole({service.name: asyncio.run(databases.create(service)) for service in SOME})
    monkeypatch.setattr(tools, "_whole", lambda: made)
    asyncio.run(made.seal())
    yield made
    for url in made.urls.values():
        asyncio.run(databases.drop(url))


def test_all_services_get_the_new_key_and_the_old_one_is_dropped(whole):
    assert "2 cannot be opened: name the key" in whole(1, secret_key=NEW)
    assert whole(secret_key=NEW, secret_key_previous=OLD) == "2 sealed anew, 0 were already.\n"
    assert whole(secret_key=NEW) == "0 sealed anew, 2 were already.\n"


def test_what_is_sealed_anew_is_what_it_was(whole):
    async def texts(box):
        found = []
        async with whole.opened() as runtimes:
            for runtime in runtimes:
                async with runtime.db.transaction(Context("acme")) as session:
                    rows = await session.execute(commands.user_secrets.listed(workspace="acme"))
                    found += [box.open(row.secret, purpose=commands.user_secrets.PURPOSE) for row in rows]
        return found

    before = asyncio.run(texts(SecretBox(OLD)))
    whole(secret_key=NEW, secret_key_previous=OLD)

    assert asyncio.run(texts(SecretBox(NEW))) == before
