"""`opsloop keys` and `opsloop user-secrets`: what several services hold as one is made, listed and revoked as one."""

import asyncio
from contextlib import asynccontextmanager
from uuid import UUID

import orjson
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from opsloop import credentials
from opsloop.cli import cli
from opsloop.outlines import OUTLINES
from opsloop.services import MEMBERS
from opsloop_common.access import keys
from opsloop_common.clock import SystemClock
from opsloop_common.db import Context, Database, app_role

ALL = ",".join(f"{service}:read" for service in OUTLINES)


class Line:
    """The command line, on databases of the test."""

    def __init__(self, urls):
        self.urls = urls

    @asynccontextmanager
    async def opened(self, _=None):
        databases = {
            name: Database(url, service=name, clock=SystemClock(), role=app_role(name))
            for name, url in self.urls.items()
        }
        try:
            yield databases
        finally:
            for database in databases.values():
                await database.close()

    def __call__(self, *arguments, expected=0):
        ended = CliRunner().invoke(cli, arguments, env={"COLUMNS": "1000"})
        assert ended.exit_code == expected, ended.output
        return ended.stdout if expected == 0 else ended.stderr

    def told(self, *arguments):
        return orjson.loads(self(*arguments, "--json"))

    def make(self, name, scopes=ALL, workspace="acme"):
        """Make a key with the command; returns its id."""
        made = self.told("keys", "create", "--name", name, "--scopes", scopes, "--workspace", workspace)
        return str(UUID(made["key"].split("_")[1]))

    def at(self, service, work):
        """Do something in a transaction at one service."""

        async def working():
            async with (
                self.opened() as databases,
                databases[service].transaction(Context("acme", actor="system")) as session,
            ):
                return await work(session)

        return asyncio.run(working())


@pytest.fixture
def line(databases, monkeypatch):
    urls = {service.name: asyncio.run(databases.create(service)) for service in MEMBERS}
    line = Line(urls)
    monkeypatch.setattr(credentials, "opened", line.opened)
    monkeypatch.setattr(credentials, "secret_of", lambda _: "a-secret-of-the-tests-0123456789abcdef")
    yield line
    for url in urls.values():
        asyncio.run(databases.drop(url))


def test_a_key_of_several_services_is_one(line):
    everywhere, two = line.make("everywhere"), line.make("合作伙伴", "metrics:read,feedback:submit", "default")
    used = text("UPDATE api_key SET last_used_at = '2026-03-01T08:00:00Z'")
    line.at("campaigns", lambda session: session.execute(used))

    newest, oldest = line.told("keys", "list")

    assert (newest["id"], newest["name"], newest["workspace"]) == (two, "合作伙伴", "default")
    assert newest["services"] == ["feedback", "metrics"]
    assert newest["scopes"] == ["feedback:submit", "metrics:read"]
    assert (newest["last_used_at"], newest["expires_at"], newest["created_by"]) == (None, None, "system")
    assert (oldest["id"], oldest["services"], oldest["scopes"]) == (everywhere, list(OUTLINES), ALL.split(","))
    assert oldest["last_used_at"].startswith("2026-03-01T08:00:00")
    assert [one["id"] for one in line.told("keys", "list", "--workspace", "acme")] == [everywhere]
    columns, *rows = [row.split("\t") for row in line("keys", "list").splitlines()]
    assert columns == ["id", "name", "workspace", "scopes", "services", "created", "expires", "last used"]
    assert rows[0][:3] == [two, "合作伙伴", "default"]
    assert rows[1][6:] == ["-", "2026-03-01 08:00:00Z"]
    assert "no keys in workspace nobody" in line("keys", "list", "--workspace", "nobody")


@pytest.mark.parametrize(
    "meant",
    [
        lambda id: id,
        lambda id: id.upper(),
        lambda id: UUID(id).hex,
        lambda id: id[:13],
        lambda id: f"opl_{UUID(id).hex[:20]}",
        lambda id: f"opl_{UUID(id).hex}_{'0' * 64}",
        lambda _: "伙伴 ci",
        lambda _: "伙\u200b伴 ci",
    ],
    ids=["id", "capitals", "digits", "beginning", "beginning of the key", "key", "name", "name as it looks"],
)
def test_a_key_is_revoked_in_all_services_that_hold_it(line, meant):
    id = line.make("伙伴 ci")

    said = line("keys", "revoke", meant(id))

    assert said == f"Revoked in {', '.join(OUTLINES)}: '伙伴 ci' ({id}, workspace acme, in {', '.join(OUTLINES)}).\n"
    assert line.told("keys", "list") == []
    for service in OUTLINES:
        audited = text("SELECT actor, subject FROM audit WHERE action = 'api_key.revoked'")
        rows = line.at(service, lambda session, audited=audited: session.execute(audited))
        assert rows.all() == [("system", f"api_key/{id}")]
    assert "no key" in line("keys", "revoke", meant(id), expected=2)


def test_what_one_service_ended_is_ended_in_the_rest_with_what_it_made(line):
    id = line.make("ci", "feedback:admin,metrics:admin,campaigns:admin")
    child = line.at(
        "metrics",
        lambda session: keys.create(
            session, name="child", scopes=["metrics:read"], workspace="acme", parent_id=UUID(id)
        ),
    )
    line.at("feedback", lambda session: session.execute(text("UPDATE api_key SET revoked_at = now()")))

    assert line.told("keys", "list")[-1]["services"] == ["metrics", "campaigns"]
    assert line.told("keys", "revoke", "ci") == {
        "id": id,
        "name": "ci",
        "workspace": "acme",
        "services": ["metrics", "campaigns"],
        "also_ended": [str(child.id)],
    }
    assert line.told("keys", "list") == []


@pytest.mark.parametrize(
    "which", ["nobody", "", "0", "01234567", "opl_", "opl__", "%", "ffffffff-ffff-ffff-ffff-ffffffffffff"]
)
def test_what_names_no_key_ends_none(line, which):
    line.make("ci", "feedback:read")

    assert "no key with this id" in line("keys", "revoke", "--", which, expected=2)
    assert len(line.told("keys", "list")) == 1


def test_a_name_of_several_keys_ends_none_and_tells_them(line):
    acme, other = line.make("ci", "feedback:read"), line.make("ci", "metrics:read", "other")

    said = line("keys", "revoke", "ci", expected=2)

    assert "2 keys are meant" in said
    assert acme in said
    assert f"{other}, workspace other, in metrics" in said
    assert "Revoked in metrics" in line("keys", "revoke", "ci", "--workspace", "other")
    assert [one["id"] for one in line.told("keys", "list")] == [acme]


def test_a_key_named_as_another_begins_is_not_taken_for_it(line):
    id = line.make("ci", "feedback:read")
    line.make(id[:8], "feedback:read")

    assert "keys are meant" in line("keys", "revoke", id[:8], expected=2)
    assert "Revoked in feedback" in line("keys", "revoke", id)


def test_a_secret_of_end_users_is_one_too_and_never_told(line):
    made = line.told("user-secrets", "create", "--name", "shop", "--workspace", "acme")

    (listed,) = line.told("user-secrets", "list")

    assert (listed["id"], listed["name"], listed["services"]) == (made["kid"], "shop", list(OUTLINES))
    assert "secret" not in listed
    assert line.told("user-secrets", "revoke", "shop")["services"] == list(OUTLINES)
    assert line.told("user-secrets", "list") == []
    assert "no secrets" in line("user-secrets", "list")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"--scopes": ""}, "scopes"),
        ({"--scopes": " , ,"}, "scopes"),
        ({"--scopes": "feedback:read," * 51}, "scopes"),
        ({"--scopes": "metrics:read,feedback:raed"}, "did you mean feedback:read?"),
        ({"--name": ""}, "name"),
        ({"--name": "n" * 201}, "name"),
        ({"--name": "\u200b\u3164\u2800"}, "name"),
        ({"--name": "a\udcff"}, "name"),
        ({"--workspace": "Acme"}, "workspace: must be lower-case"),
        ({"--workspace": ""}, "workspace"),
        ({"--workspace": "a\n"}, "workspace"),
        ({"--source": "people"}, "source: is reserved"),
        ({"--source": "No Slug"}, "source"),
    ],
)
def test_what_the_api_refuses_is_refused_before_anything_starts(options, field, monkeypatch):
    monkeypatch.setattr(credentials, "opened", None)
    given = {"--name": "ci", "--scopes": "feedback:read"} | options
    commands = ["keys"] if {"--scopes", "--source"} & options.keys() else ["keys", "user-secrets"]

    for command in commands:
        known = given if command == "keys" else {name: it for name, it in given.items() if name != "--scopes"}
        ended = CliRunner().invoke(cli, [command, "create", *sum(known.items(), ())], env={"COLUMNS": "1000"})

        assert ended.exit_code == 2, ended.output
        assert f"Invalid value: {field}" in ended.stderr or ("?" in field and field in ended.stderr)
        assert ended.stdout == ""


@pytest.mark.parametrize("command", [("keys", "list"), ("user-secrets", "list"), ("keys", "revoke", "ci")])
@pytest.mark.parametrize("workspace", ["Bad WS", "", "acme\u200b", "a" * 64])
def test_a_name_that_no_workspace_can_have_is_refused_before_anything_starts(command, workspace, monkeypatch):
    monkeypatch.setattr(credentials, "opened", None)
    ended = CliRunner().invoke(cli, [*command, "--workspace", workspace], env={"COLUMNS": "1000"})

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "workspace: must be lower-case letters, digits and hyphens" in ended.stderr
