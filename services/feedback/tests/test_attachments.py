"""Attachments through the door: uploaded, named, shown, downloaded, and removed."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from opsloop_common.contracts.users import UserErased
from opsloop_common.db import Context
from opsloop_common.errors import Conflict, Unavailable
from opsloop_common.ids import uuid7
from opsloop_common.limits import ATTACHMENT_BYTES, ATTACHMENT_HOURS, ATTACHMENT_LINK_SECONDS
from opsloop_common.testing.due import run_due, run_recurring
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.http import MakeApi, settings_for_tests
from opsloop_feedback.app import SERVICE
from opsloop_feedback.attachments import service
from opsloop_feedback.attachments.service import NewFile
from opsloop_feedback.conversations.consumers import ERASURES
from opsloop_feedback.files.service import FileStore, open_folder
from opsloop_feedback.settings import FeedbackSettings
from services.feedback.tests.conftest import Desk

NOTHING = "00000000-0000-0000-0000-000000000000"


def picture(width: int = 800, height: int = 400, kind: str = "PNG") -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(written, kind)
    return written.getvalue()


PNG = picture()


class Files(Desk):
    """The desk, with a folder for files."""

    folder: Path

    async def upload(self, data: bytes = b"log line", expect: int = 201, **params: Any) -> dict[str, Any]:
        headers = self.agent | params.pop("headers", {})
        answer = await self.client.post("/v1/attachments", content=data, headers=headers, params=params)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def named(self, data: bytes = b"log line", **fields: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Upload a file and post with it."""
        made = await self.upload(data)
        return made, await self.post(attachments=[made["id"]], **fields)

    async def keep_up(self) -> None:
        await run_due(self.api.db, SERVICE.due)
        await run_recurring(self.api.db, [kind for kind in SERVICE.due if kind.name == "feedback.keep_attachments"])

    @property
    def store(self) -> FileStore:
        return open_folder(self.folder)

    def stored(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())


@pytest_asyncio.fixture
async def files(api: MakeApi, tmp_path: Path) -> AsyncIterator[Files]:
    settings = settings_for_tests(FeedbackSettings, attachments_path=tmp_path / "files", attachments_bytes=1_000_000)
    door = await api(SERVICE, settings)
    desk = Files(door, await door.key("feedback:read", "feedback:write"))
    desk.folder = tmp_path / "files"
    yield desk


async def test_a_file_is_uploaded_named_and_downloaded(files: Files) -> None:
    made = await files.upload(PNG, name="截图 1.png")
    post = await files.post(attachments=[made["id"]])
    [shown] = (await files.get(f"/v1/feedback/{post['id']}/attachments"))["items"]
    got = await files.client.get(f"/v1/feedback/{post['id']}/{shown['link']}")

    assert made["name"] == "截图 1.png"
    assert (made["media_type"], made["bytes"]) == ("image/png", len(PNG))
    assert (shown["feedback_id"], shown["message_id"]) == (post["id"], None)
    assert got.content == PNG
    assert got.headers["content-disposition"] == "attachment; filename*=UTF-8''%E6%88%AA%E5%9B%BE%201.png"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-security-policy"].startswith("sandbox;")
    assert got.headers["content-type"] == "image/png"


async def test_a_form_carries_a_file_too(files: Files) -> None:
    form = {"file": ("a.csv", b"a,b\n1,2\n", "text/csv")}
    answer = await files.client.post("/v1/attachments", files=form, headers=files.agent)

    assert answer.status_code == 201, answer.text
    assert (answer.json()["name"], answer.json()["media_type"]) == ("a.csv", "text/plain")


async def test_a_message_names_files(files: Files) -> None:
    post, made = await files.post(), await files.upload(b"what to do", name="steps.txt")
    body = {"kind": "reply", "body": "See the file.", "attachments": [made["id"]]}
    answer = await files.client.post(f"/v1/feedback/{post['id']}/messages", json=body, headers=files.agent)
    [shown] = (await files.get(f"/v1/feedback/{post['id']}/attachments"))["items"]

    assert answer.status_code == 201, answer.text
    assert shown["message_id"] == answer.json()["id"]
    assert (await files.get(f"/v1/attachments/{made['id']}"))["name"] == "steps.txt"


async def test_a_file_is_named_once(files: Files) -> None:
    made, _ = await files.named()
    refused = await files.post(expect=422, attachments=[made["id"]])
    await files.post(expect=422, attachments=[NOTHING])

    assert refused["errors"][0]["pointer"] == "/attachments"
    assert len((await files.get("/v1/feedback"))["items"]) == 1


async def test_who_may_only_add_names_only_its_own_files(files: Files) -> None:
    partner = await files.api.key("feedback:submit", name="partner")
    other = await files.api.key("feedback:submit", name="other")
    made = await files.upload(headers=partner)
    await files.post(expect=422, headers=other, attachments=[made["id"]])
    await files.post(expect=201, headers=partner, attachments=[made["id"]])


async def test_another_workspace_knows_no_file_of_ours(files: Files) -> None:
    made = await files.upload()
    theirs = await files.api.key(workspace="other")
    assert (await files.client.get(f"/v1/attachments/{made['id']}", headers=theirs)).status_code == 404
    await files.post(expect=422, headers=theirs, attachments=[made["id"]])


@pytest.mark.parametrize(
    ("data", "kind", "name"),
    [
        (b"MZ" + b"\0" * 200, "application/octet-stream", "setup.exe"),
        (b"MZ" + b"\0" * 200, "image/png", "a.png"),
        (b"\x7fELF" + b"\0" * 200, "application/octet-stream", "a"),
        (b"%PDF-1.7\n", "image/png", "a.png"),
        (PNG, "video/mp4", "a.mp4"),
        (b"\x00\x01\x02\x03", "application/octet-stream", "a.bin"),
        (b"", "application/octet-stream", "a.txt"),
    ],
)
async def test_what_is_not_taken(files: Files, data: bytes, kind: str, name: str) -> None:
    await files.upload(data, expect=422, name=name, headers={"Content-Type": kind})
    assert files.stored() == []


@pytest.mark.parametrize("name", ["../../x.html", "eicar.com", "a.svg"])
async def test_what_is_text_is_saved_as_text(files: Files, name: str) -> None:
    made = await files.upload(b"<script>alert(1)</script>", name=name)
    assert made["media_type"] == "text/plain"
    assert made["name"].endswith(".txt")
    assert "/" not in made["name"]


async def test_a_file_has_a_size(files: Files) -> None:
    too_much = b"x" * (ATTACHMENT_BYTES + 1)
    refused = await files.upload(too_much, expect=413)
    form = {"file": ("a.txt", too_much, "text/plain")}
    answer = await files.client.post("/v1/attachments", files=form, headers=files.agent)

    assert "20971520" in refused["detail"]
    assert answer.status_code == 413
    assert files.stored() == []


async def test_a_workspace_has_a_budget_that_comes_back(files: Files) -> None:
    await files.upload(b"x" * 600_000)
    refused = await files.upload(b"x" * 600_000, expect=409)
    files.api.clock.advance(timedelta(hours=ATTACHMENT_HOURS, seconds=1))
    await files.keep_up()
    await files.upload(b"x" * 600_000)

    assert "1000000 bytes" in refused["detail"]


async def test_what_nobody_names_is_removed_after_a_day(files: Files) -> None:
    alone, (kept, _) = await files.upload(), await files.named()
    files.api.clock.advance(timedelta(hours=ATTACHMENT_HOURS, seconds=1))
    await files.keep_up()
    await files.keep_up()

    assert files.stored() == [f"acme/{kept['id']}"]
    await files.get(f"/v1/attachments/{alone['id']}", expect=404)


async def test_a_link_ends(files: Files) -> None:
    made = await files.upload()
    link = (await files.get(f"/v1/attachments/{made['id']}"))["link"]
    files.api.clock.advance(timedelta(seconds=ATTACHMENT_LINK_SECONDS + 1))

    assert (await files.client.get(f"/v1/attachments/{link}")).status_code == 410
    assert (await files.client.get("/v1/attachment-files/none")).status_code == 404


async def test_the_same_upload_again_is_the_same_file(files: Files) -> None:
    key = {"Idempotency-Key": "one"}
    made = await files.upload(headers=key)
    again = await files.upload(headers=key)
    await files.upload(b"another", expect=422, headers=key)

    assert again == made


async def test_erasing_a_person_removes_their_files_and_links(files: Files) -> None:
    made, post = await files.named(author={"user_id": "u1"})
    link = (await files.get(f"/v1/attachments/{made['id']}"))["link"]
    erased = make_event(UserErased(erasure_id=uuid7(), user_id="u1", user_ids=["u1"]))
    await deliver(files.api.db, ERASURES, erased, erased)
    gone = await files.client.get(f"/v1/attachments/{link}")
    await files.keep_up()

    assert gone.status_code == 404
    assert files.stored() == []
    assert (await files.get(f"/v1/feedback/{post['id']}/attachments"))["items"] == []


async def test_a_picture_has_a_small_one(files: Files) -> None:
    made = await files.upload(PNG)
    before = await files.get(f"/v1/attachments/{made['id']}")
    await files.keep_up()
    shown = await files.get(f"/v1/attachments/{made['id']}")
    small = await files.client.get(f"/v1/attachments/{shown['picture_link']}")

    assert before["picture_link"] is None
    assert small.headers["content-type"] == "image/webp"
    assert Image.open(io.BytesIO(small.content)).size == (320, 160)


async def test_a_picture_that_cannot_be_read_is_a_file_all_the_same(files: Files) -> None:
    made = await files.upload(PNG[:60])
    await files.keep_up()
    assert (await files.get(f"/v1/attachments/{made['id']}"))["picture_link"] is None


async def test_without_a_place_for_files_there_are_none(desk: Desk) -> None:
    answer = await desk.client.post("/v1/attachments", content=b"x", headers=desk.agent)
    assert answer.status_code == 503
    assert "OPSLOOP_ATTACHMENTS_PATH" in answer.json()["detail"]


async def test_a_batch_names_no_files(files: Files) -> None:
    made = await files.upload()
    row = {"body": "b", "external_id": "1", "attachments": [made["id"]]}
    answer = await files.client.post("/v1/feedback:batch", json={"items": [row]}, headers=files.agent)

    assert [each["status"] for each in answer.json()["items"]] == ["invalid"]


async def test_a_post_that_is_known_names_nothing_more(files: Files) -> None:
    one, post = await files.named(external_id="1")
    again = await files.post(expect=200, external_id="1", attachments=[(await files.upload())["id"]])

    assert again["id"] == post["id"]
    listed = (await files.get(f"/v1/feedback/{post['id']}/attachments"))["items"]
    assert [shown["id"] for shown in listed] == [one["id"]]


async def test_a_post_names_ten_files(files: Files) -> None:
    made = [(await files.upload(b"%d" % number))["id"] for number in range(11)]
    await files.post(expect=422, attachments=made)
    post = await files.post(attachments=made[:10])
    page = await files.get(f"/v1/feedback/{post['id']}/attachments", limit=6)
    rest = await files.get(f"/v1/feedback/{post['id']}/attachments", limit=6, cursor=page["next_cursor"])

    assert [shown["id"] for shown in page["items"] + rest["items"]] == made[9::-1]


async def test_of_two_that_name_a_file_at_once_one_has_it(files: Files) -> None:
    made = await files.upload()
    post = {"body": "b", "attachments": [made["id"]]}
    answers = await asyncio.gather(
        *[files.client.post("/v1/feedback", json=post, headers=files.agent) for _ in range(4)]
    )

    assert sorted(answer.status_code for answer in answers) == [201, 422, 422, 422]
    assert len((await files.get("/v1/feedback"))["items"]) == 1


async def test_who_uploads_at_once_stays_within_the_budget(files: Files) -> None:
    sent = [files.client.post("/v1/attachments", content=b"x" * 300_000, headers=files.agent) for _ in range(6)]
    answers = await asyncio.gather(*sent)

    assert sorted(answer.status_code for answer in answers) == [201, 201, 201, 409, 409, 409]
    assert len(files.stored()) == 3


async def test_what_a_crash_left_is_removed_after_an_hour(files: Files) -> None:
    async with files.api.db.transaction(Context(workspace="acme")) as session:
        new = NewFile("a.txt", "text/plain", 600_000, "0" * 64)
        lost = (await service.announce(session, new, source="partner")).id
    await files.store.put(f"acme/{lost}", b"stored, and then the process was killed")
    await files.upload(b"x" * 600_000, expect=409)
    await files.get(f"/v1/attachments/{lost}", expect=404)
    await files.post(expect=422, attachments=[str(lost)])
    files.api.clock.advance(timedelta(hours=1, seconds=1))
    await files.keep_up()

    assert files.stored() == []
    await files.upload(b"x" * 600_000)
    async with files.api.db.transaction(Context(workspace="acme")) as session:
        with pytest.raises(Conflict):
            await service.keep(session, lost)


async def test_a_store_that_fails_leaves_what_is_to_be_removed(files: Files) -> None:
    made = await files.upload()
    files.api.clock.advance(timedelta(hours=ATTACHMENT_HOURS, seconds=1))
    stored = files.folder / "acme" / made["id"]
    stored.unlink()
    (stored / "in the way").mkdir(parents=True)
    with pytest.raises(Unavailable):
        await files.keep_up()
    (stored / "in the way").rmdir()
    stored.rmdir()
    stored.write_bytes(b"log line")
    files.api.clock.advance(timedelta(hours=1))
    await files.keep_up()

    assert files.stored() == []


async def test_the_store_that_fails_refuses_an_upload(files: Files) -> None:
    (files.folder / "acme").write_text("no folder")
    await files.upload(expect=503)


async def test_browsers_add_files_within_the_quota_of_their_key(files: Files) -> None:
    page = await files.api.publishable("feedback:submit")
    made = await files.upload(PNG, headers=page)
    await files.post(headers=page, attachments=[made["id"]])
    refused = await files.upload(b"x" * 1_100_000, expect=429, headers=page)
    user = await files.api.user("u1")
    await files.upload(headers=user)

    assert (await files.client.get(f"/v1/attachments/{made['id']}", headers=page)).status_code == 403
    assert "quota" in refused["detail"] or "day" in refused["detail"]


async def test_a_small_picture_is_told_and_removed_with_its_file(files: Files) -> None:
    made = await files.upload(PNG)
    await files.keep_up()
    assert files.stored() == [f"acme/{made['id']}", f"acme/{made['id']}.small"]
    files.api.clock.advance(timedelta(hours=ATTACHMENT_HOURS, seconds=1))
    await files.keep_up()

    assert files.stored() == []


async def test_a_link_says_nothing_and_cannot_be_made(files: Files) -> None:
    made = await files.upload()
    link = (await files.get(f"/v1/attachments/{made['id']}"))["link"]
    token = link.rpartition("/")[2]

    assert made["id"] not in link
    assert "acme" not in link
    for wrong in (token[:-2] + "AA", token + "A", "x" * 5_000):
        assert (await files.client.get(f"/v1/attachment-files/{wrong}")).status_code == 404


async def test_a_note_names_files_too_and_a_wrong_name_writes_nothing(files: Files) -> None:
    post, made = await files.post(), await files.upload()
    to = f"/v1/feedback/{post['id']}/messages"
    wrong = {"kind": "note", "body": "b", "attachments": [made["id"], NOTHING]}
    refused = await files.client.post(to, json=wrong, headers=files.agent)
    right = await files.client.post(to, json=wrong | {"attachments": [made["id"]]}, headers=files.agent)

    assert (refused.status_code, right.status_code) == (422, 201)
    assert len((await files.get(to))["items"]) == 1
    assert "feedback.replied" not in await files.types()
