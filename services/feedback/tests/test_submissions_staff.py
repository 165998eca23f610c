"""What the staff enters for somebody: attributed to both, with the place where it was said, which is only shown."""

import pytest

from opsloop_common.access.principal import Kind, Principal
from opsloop_common.contracts.users import UserErased
from opsloop_common.testing.events import deliver, make_event
from opsloop_feedback.conversations.consumers import ERASURES
from opsloop_feedback.submissions.rules import ON_BEHALF, entered_by, source_url_flaw

URL = "https://social.example.test/@ann/1?a=b#c"
MARK = "0f0f0f0f-0000-7000-8000-000000000001"


def principal(*scopes, kind=Kind.KEY):
    return Principal("acme", "user:anna", frozenset(scopes), "c", "desk", kind=kind)


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "http://example.test",
        "https://[::1]:8443/x",
        "https://例子.测试/路径",
        "https://example.test/%22%3Cscript%3E",
        "http://127.0.0.1/admin",
    ],
)
def test_addresses_of_pages_are_shown(url):
    assert source_url_flaw(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "example.test",
        "//example.test/x",
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)//https://example.test",
        "data:text/html,x",
        "ftp://example.test",
        "https://",
        "https:///x",
        "https://anna@example.test",
        "https://anna:secret@example.test",
        "https://example.test/ x",
        "https://example.test/\nx",
        'https://example.test/"onmouseover="x',
        "https://example.test/<b>",
        "https://example.test\\@other.test",
        "https://example.test/\u202etxt.exe",
        "https://example.test/\u200b",
        "https://[::1",
        "https://example.test:port",
        "https://example.test:99999",
    ],
)
def test_anything_else_is_not(url):
    assert source_url_flaw(url) is not None


@pytest.mark.parametrize("channel", ["form", "widget", "api", "email", "survey", "store_review", *sorted(ON_BEHALF)])
def test_whom_an_entry_is_attributed_to_besides_its_author(channel):
    staff = principal("feedback:write")
    assert entered_by(staff, channel, names_somebody=True) == ("user:anna" if channel in ON_BEHALF else None)
    assert entered_by(staff, channel, names_somebody=False) is None
    assert entered_by(principal("feedback:submit"), channel, names_somebody=True) is None
    for kind in (Kind.PUBLISHABLE, Kind.USER, Kind.VISITOR):
        assert entered_by(principal("feedback:write", kind=kind), channel, names_somebody=True) is None


async def test_an_entry_is_attributed_to_both_and_says_where(desk):
    author = {"user_id": "u1", "name": "Ann"}

    made = await desk.post(channel="social", author=author, source_url=URL)

    assert (made["entered_by"].startswith("key:"), made["source_url"]) == (True, URL)
    assert made["author"]["user_id"] == "u1"
    assert await desk.get(f"/v1/feedback/{made['id']}") == made
    [event] = await desk.public()
    assert event.actor == made["entered_by"]
    assert URL not in str(event.data)
    own = await desk.post(channel="api", author=author)
    assert (own["entered_by"], own["source_url"]) == (None, None)


async def test_with_an_address_of_mail_the_plain_way_keeps_both_too(desk):
    made = await desk.post(channel="phone", author={"email": "ann@example.test"}, source_url=URL)
    assert (made["entered_by"].startswith("key:"), made["source_url"]) == (True, URL)


async def test_rows_of_a_batch_are_attributed_alike(desk):
    row = {"external_id": "x", "body": "It fails", "channel": "interview", "author": {"name": "Ann"}, "source_url": URL}
    answer = await desk.client.post("/v1/feedback:batch", json={"items": [row]}, headers=desk.agent)

    [item] = answer.json()["items"]
    shown = await desk.get(f"/v1/feedback/{item['id']}")
    assert (shown["source_url"], shown["entered_by"].startswith("key:")) == (URL, True)


async def test_strangers_name_no_place_and_partners_are_no_staff(desk):
    partner = await desk.api.key("feedback:submit", "feedback:read")
    made = await desk.post(headers=partner, channel="social", author={"name": "Ann"}, source_url=URL)
    assert (made["entered_by"], made["source_url"]) == (None, URL)
    refused = await desk.post(422, channel="social", source_url="javascript:alert(1)")
    assert refused["errors"][0]["pointer"] == "/source_url"
    assert "alert" not in str(refused)
    await desk.post(422, source_url="https://example.test/" + "x" * 2_000)


async def test_the_place_goes_with_its_author(desk):
    made = await desk.post(channel="social", author={"user_id": "u1"}, source_url=URL)
    await deliver(desk.api.db, ERASURES, make_event(UserErased(erasure_id=MARK, user_id="u1", user_ids=["u1"])))

    shown = await desk.get(f"/v1/feedback/{made['id']}")
    assert (shown["source_url"], shown["author"]["user_id"]) == (None, None)
