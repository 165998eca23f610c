"""Attachments under fire: strangers, other workspaces, hostile names and bodies, and what the database holds them to."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from opsloop_common.db import Context
from opsloop_common.errors import Invalid, NotFound
from opsloop_common.ids import uuid7
from opsloop_feedback.attachments import queries, routes, rules, service
from opsloop_feedback.attachments.rules import Form
from opsloop_feedback.attachments.service import NewFile
from services.feedback.tests.test_attachments import NOTHING, PNG, Files, files, picture

__all__ = ["files"]
ACME, OTHER = Context(workspace="acme"), Context(workspace="other")


async def scalar(files: Files, sql: str) -> Any:
    async with files.api.db.transaction(ACME) as session:
        return (await session.execute(text(sql))).scalar_one()


async def link_of(files: Files, id: str, kind: str = "link") -> str:
    """Return the path of a link to a file."""
    return f"/v1/attachments/{(await files.get(f'/v1/attachments/{id}'))[kind]}"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/attachments"),
        ("GET", f"/v1/attachments/{NOTHING}"),
        ("GET", f"/v1/feedback/{NOTHING}/attachments"),
    ],
)
async def test_strangers_and_readers_without_the_right(files: Files, method: str, path: str) -> None:
    wrong = await files.api.key("feedback:read" if method == "POST" else "feedback:submit")
    content = b"log line" if method == "POST" else None
    strange = await files.client.request(method, path, content=content)
    refused = await files.client.request(method, path, content=content, headers=wrong)

    assert (strange.status_code, refused.status_code) == (401, 403)
    assert files.stored() == []


@pytest.mark.parametrize(
    "path", [f"/v1/attachments/{NOTHING}", "/v1/attachments/none", f"/v1/feedback/{NOTHING}/attachments"]
)
async def test_what_is_not_there(files: Files, path: str) -> None:
    await files.get(path, expect=404)


async def test_another_workspace_lists_and_counts_nothing_of_ours(files: Files) -> None:
    made, post = await files.named(b"x" * 900_000)
    theirs = await files.api.key(workspace="other")
    listed = await files.client.get(f"/v1/feedback/{post['id']}/attachments", headers=theirs)
    await files.upload(b"x" * 900_000, headers=theirs)

    assert listed.status_code == 404
    async with files.api.db.transaction(OTHER) as session:
        assert await queries.find_attachment(session, UUID(made["id"])) is None
        with pytest.raises(Invalid):
            await service.name(session, [UUID(made["id"])], feedback_id=UUID(post["id"]))
        await service.take_back(session, [UUID(post["id"])])
        await service.forget(session, [UUID(made["id"])])
    assert (await files.client.get(await link_of(files, made["id"]))).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        'a"; filename="run.exe',
        "a\r\nSet-Cookie: a=b.txt",
        "..\\..\\windows\\system.txt",
        "invoice\u202etxt.exe",
        "CON",
        "%2e%2e%2fx.txt",
        "名" * 400,
        " . ",
    ],
)
async def test_a_hostile_name_is_saved_as_a_plain_one(files: Files, name: str) -> None:
    made = await files.upload(name=name)
    got = await files.client.get(await link_of(files, made["id"]))
    header = got.headers["content-disposition"]

    assert header.startswith("attachment; filename*=UTF-8''")
    assert not set(header.partition("''")[2]) & set("\"'; \r\n/\\")
    assert "set-cookie" not in got.headers
    assert made["name"].endswith(".txt")
    assert not set(made["name"]) & set('/\\:*?"<>|%\u202e\r\n')
    assert files.stored() == [f"acme/{made['id']}"]


async def test_a_name_has_so_many_characters(files: Files) -> None:
    await files.upload(expect=422, name="a" * 501)
    assert files.stored() == []


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"no form", "multipart/form-data", 400),
        (b"no form", "multipart/form-data; boundary=x", 400),
        (b"--x--\r\n", "multipart/form-data; boundary=x", 422),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            422,
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"; filename="a.txt"\r\n\r\n1\r\n'
            b'--x\r\nContent-Disposition: form-data; name="b"; filename="b.txt"\r\n\r\n2\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            400,
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"; filename="a.txt"\r\n\r\n\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            422,
        ),
    ],
)
async def test_a_form_that_carries_no_file(files: Files, content: bytes, kind: str, status: int) -> None:
    answer = await files.client.post("/v1/attachments", content=content, headers=files.agent | {"Content-Type": kind})

    assert answer.status_code == status, answer.text
    assert files.stored() == []
    assert await scalar(files, "SELECT count(*) FROM attachment") == 0


async def test_what_is_refused_takes_nothing_of_the_budget(files: Files) -> None:
    await files.upload(b"MZ" + b"\0" * 900_000, expect=422)
    await files.upload(b"x" * 1_000_001, expect=409)
    assert await scalar(files, "SELECT coalesce(sum(bytes), 0) FROM attachment_usage") == 0
    await files.upload(b"x" * 1_000_000)
    await files.upload(b"x", expect=409)


async def test_the_budget_is_what_the_rows_have_together_whatever_becomes_of_them(files: Files) -> None:
    _, post = await files.named(b"x" * 1_000)
    await files.upload(b"x" * 2_000)
    async with files.api.db.transaction(ACME) as session:
        await service.take_back(session, [UUID(post["id"])])
        await service.take_back(session, [UUID(post["id"])])
    assert await scalar(files, "SELECT bytes FROM attachment_usage") == 3_000
    await files.keep_up()
    await files.keep_up()

    assert await scalar(files, "SELECT bytes FROM attachment_usage") == 2_000
    assert await scalar(files, "SELECT sum(bytes) FROM attachment") == 2_000


async def test_what_is_taken_back_is_called_nothing_at_once(files: Files) -> None:
    made, post = await files.named()
    async with files.api.db.transaction(ACME) as session:
        await service.take_back(session, [UUID(post["id"])])
    row = "SELECT concat_ws(',', state, name, sha256, feedback_id, message_id) FROM attachment"

    assert await scalar(files, row) == "removed,,"
    await files.get(f"/v1/attachments/{made['id']}", expect=404)
    await files.post(expect=422, attachments=[made["id"]])


async def test_what_is_kept_is_forgotten_by_nobody(files: Files) -> None:
    made = await files.upload()
    async with files.api.db.transaction(ACME) as session:
        await service.forget(session, [UUID(made["id"])])

    assert (await files.get(f"/v1/attachments/{made['id']}"))["id"] == made["id"]
    assert await scalar(files, "SELECT bytes FROM attachment_usage") == made["bytes"]


async def test_a_file_is_kept_once(files: Files) -> None:
    made = await files.upload()
    async with files.api.db.transaction(ACME) as session:
        with pytest.raises(service.Conflict):
            await service.keep(session, UUID(made["id"]))


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ("bytes = 0", "ck_attachment_bytes"),
        ("state = 'lost', feedback_id = NULL", "ck_attachment_state"),
        ("picture = 'large'", "ck_attachment_picture"),
        ("state = 'removed'", "ck_attachment_named_is_kept"),
        ("feedback_id = gen_random_uuid()", "fk_attachment_feedback_id"),
        ("message_id = gen_random_uuid()", "fk_attachment_message_id"),
        ("feedback_id = NULL, message_id = gen_random_uuid()", "ck_attachment_message_of_feedback"),
    ],
)
async def test_the_database_holds_what_the_rules_say(files: Files, values: str, constraint: str) -> None:
    await files.named()
    with pytest.raises(IntegrityError, match=constraint):
        async with files.api.db.transaction(ACME) as session:
            await session.execute(text(f"UPDATE attachment SET {values}"))


async def test_a_link_to_a_file_that_the_store_lost_is_not_found(files: Files) -> None:
    made = await files.upload()
    link = await link_of(files, made["id"])
    await files.store.remove(f"acme/{made['id']}")

    assert (await files.client.get(link)).status_code == 404


async def test_a_picture_whose_file_is_lost_is_asked_for_once(files: Files) -> None:
    made, whole = await files.upload(PNG), await files.upload(picture(400, 800, "JPEG"))
    await files.store.remove(f"acme/{made['id']}")
    await files.keep_up()

    assert await scalar(files, "SELECT count(*) FROM attachment WHERE picture = 'due'") == 0
    assert (await files.get(f"/v1/attachments/{made['id']}"))["picture_link"] is None
    small = await files.client.get(await link_of(files, whole["id"], "picture_link"))
    assert (small.status_code, small.headers["content-disposition"]) == (200, "inline")
    assert small.headers["content-security-policy"].startswith("sandbox;")


async def test_a_small_picture_of_what_was_removed_meanwhile_is_not_told(files: Files) -> None:
    made = UUID((await files.upload(PNG))["id"])
    async with files.api.db.transaction(ACME) as session:
        await session.execute(text("UPDATE attachment SET state = 'removed'"))
        await service.note_picture(session, made, is_made=True)
        assert await queries.without_picture(session, limit=10) == []
    await files.keep_up()

    assert files.stored() == []


async def test_who_asks_for_what_goes_takes_it_out_of_reach_first(files: Files) -> None:
    made, post = await files.upload(), await files.post()
    async with files.api.db.transaction(ACME) as session:
        await session.execute(text("UPDATE attachment SET created_at = created_at - interval '25 hours'"))
        assert await service.left_over(session, limit=10) == [UUID(made["id"])]
        with pytest.raises(Invalid):
            await service.name(session, [UUID(made["id"])], feedback_id=UUID(post["id"]))


@pytest.mark.parametrize(
    "said",
    [b"", b"[]", b"{}", b"null", b'["acme"]', b'["acme", "none", "file", 1]', b'["acme", 1, "file", 1]', b"\xff"]
    + [orjson.dumps(["acme", NOTHING, form, 9_999_999_999]) for form in ("large", None, 1)],
)
async def test_what_a_link_cannot_say(files: Files, said: bytes) -> None:
    token = files.api.runtime.secrets.seal(said, purpose=routes.PURPOSE)
    assert (await files.client.get(f"{routes.LINKS}/{token}")).status_code == 404


async def test_a_link_sealed_for_something_else_opens_nothing(files: Files) -> None:
    made = await files.upload()
    said = orjson.dumps(["acme", made["id"], "file", 9_999_999_999])
    seal = files.api.runtime.secrets.seal
    right, wrong = (f"{routes.LINKS}/{seal(said, purpose=purpose)}" for purpose in (routes.PURPOSE, "other"))

    assert [(await files.client.get(path)).status_code for path in (right, wrong)] == [200, 404]


async def test_an_upload_repeated_at_once_is_one_file(files: Files) -> None:
    headers = files.agent | {"Idempotency-Key": "at-once"}
    sent = [files.client.post("/v1/attachments", content=b"log line", headers=headers) for _ in range(3)]
    answers = await asyncio.gather(*sent)
    told = {answer.json()["id"] for answer in answers if answer.status_code == 201}

    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len(told) == 1
    assert await scalar(files, "SELECT count(*) FROM attachment WHERE state = 'kept'") == 1


async def test_a_file_that_was_only_announced_is_shown_to_nobody(files: Files) -> None:
    async with files.api.db.transaction(ACME) as session:
        made = (await service.announce(session, NewFile("a.txt", "text/plain", 10, "0" * 64), source="partner")).id
    async with files.api.db.transaction(ACME) as session:
        with pytest.raises(NotFound):
            await queries.get_attachment(session, made)
        assert await service.left_over(session, limit=10) == []


@pytest.mark.parametrize(
    ("data", "said", "media_type"),
    [
        (PNG, "image/png", "image/png"),
        (PNG, None, "image/png"),
        (PNG, "audio/mpeg", None),
        (b"plain", "image/png", None),
        (b"plain", "text/html", "text/plain"),
        (b"\0\1\2", None, None),
    ],
)
def test_a_file_is_judged_by_its_content(data: bytes, said: str | None, media_type: str | None) -> None:
    if media_type is None:
        with pytest.raises(Invalid):
            service.judged(data, name="a", said=said)
        return
    assert service.judged(data, name="a", said=said).media_type == media_type


@given(st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True), st.uuids(), st.uuids())
def test_no_two_files_share_a_place(workspace: str, one: UUID, two: UUID) -> None:
    places = {rules.key_of(workspace, id, form) for id in {one, two} for form in Form}

    assert len(places) == 2 * len({one, two})
    assert all(place.startswith(f"{workspace}/") and place.count("/") == 1 for place in places)
    assert rules.key_of("other.", uuid7()) not in places
