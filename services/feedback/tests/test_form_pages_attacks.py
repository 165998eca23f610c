"""The page of a form against what is no browser: malformed bodies, many at once, showings that were made elsewhere."""

import asyncio
import re

import pytest

from opsloop_common.secretbox import SecretBox
from opsloop_common.testing.http import TEST_SECRET
from opsloop_feedback.form_pages import rules
from services.feedback.tests.form_visitors import Visitor
from services.feedback.tests.test_forms import FORM

PAGE = "/p/acme/forms/contact"
PLAIN = {"Content-Type": "application/x-www-form-urlencoded"}
PARTS = {"Content-Type": "multipart/form-data; boundary=x"}


@pytest.fixture
async def visitor(clockwork):
    clockwork.form = await clockwork.make("/v1/forms", FORM)
    made = Visitor(clockwork, PAGE)
    await made.open()
    return made


async def queue(visitor):
    return (await visitor.desk.get("/v1/feedback"))["items"]


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({"Content-Type": "application/json"}, b'{"body": "x"}', 415),
        ({}, b"body=x", 415),
        (PLAIN, b"body=%ff", 422),
        (PLAIN, b"body=a%00b", 422),
        (PLAIN, b"&".join(b"f%d=1" % number for number in range(200)), 422),
        (PLAIN, b"body=" + b"x" * 70_000, 413),
        (PARTS, b"--x\r\n", 422),
        (PARTS, b'--x\r\nContent-Disposition: form-data; name="body"; filename="a.png"\r\n\r\nx\r\n--x--\r\n', 422),
        (PARTS, b'--x\r\nContent-Disposition: form-data; name="body"\r\n\r\n\xff\r\n--x--\r\n', 422),
        (PLAIN, b"", 422),
        (PLAIN, b"body=x&body=y&rating=9", 422),
        (PLAIN, b"turn=xx", 200),
        (PLAIN, b"turn=" + b"z" * 5_000, 200),
        (PLAIN, b"lang=%3Cscript%3E&body=%3Cscript%3E", 422),
    ],
)
async def test_what_is_no_form_is_answered_with_a_page(visitor, headers, content, status):
    answer = await visitor.desk.client.post(PAGE, content=content, headers=headers)

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert "<script>" not in answer.text
    assert await queue(visitor) == []


async def test_what_is_sent_many_times_at_once_is_one_post(visitor, clockwork):
    answers = await asyncio.gather(*(visitor.send(body="付款失败", rating="1") for _ in range(8)))

    assert len({answer.headers["location"] for answer in answers}) == 1
    assert [post["body"] for post in await queue(visitor)] == ["付款失败"]
    [day] = (await visitor.desk.get(f"/v1/forms/{clockwork.form['id']}/counts"))["days"]
    assert day["received"] == 1
    assert [name for name in await visitor.desk.types() if name == "feedback.received"] == ["feedback.received"]


async def test_a_showing_of_the_key_before_the_present_one_still_counts(visitor, clockwork):
    secrets = clockwork.desk.api.runtime.secrets
    secrets._secret, secrets._previous = b"another secret, at least as long as any", (SecretBox(TEST_SECRET),)
    secrets._digest_keys.clear()

    await visitor.send(body="付款失败", rating="1")
    assert len(await queue(visitor)) == 1


async def test_a_showing_of_another_secret_is_asked_for_again(visitor, clockwork):
    showing = rules.Showing(clockwork.desk.api.clock.now(), "0" * 32)
    box = SecretBox("a secret of somebody else, at least as long")
    forged = rules.token_of(showing, clockwork.form["id"], lambda said: box.digest(said, purpose="form shown"))

    await visitor.send(409, body="付款失败", rating="1", shown=forged)


async def test_nothing_that_is_not_asked_gets_into_a_post(visitor):
    more = {"tags": "x", "area": "x", "kind": "praise", "external_id": "mine", "severity": "s4", "own.secret": "x"}
    await visitor.send(body="付款失败", rating="1", **more)

    [post] = await queue(visitor)
    assert (post["tags"], post["area"], post["kind"], post["severity"]) == (["web"], "shop", "complaint", "s1")
    assert post["external_id"] != "mine"
    assert post["attributes"] == {"form": "contact", "answers": {"contact_me": False}}


async def test_a_reference_of_a_machine_looks_like_one_of_a_person(visitor):
    people = await visitor.send(body="付款失败", rating="1")
    machine = await visitor.send(body="buy", rating="1", website="x")

    shape = r"contact/sent\?ref=[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}&see=[\w-]{44}&lang=zh"
    for answer in (people, machine):
        assert re.fullmatch(shape, answer.headers["location"])
    assert people.headers.keys() == machine.headers.keys()


@pytest.mark.parametrize(
    "path", ["/p/ACME/forms/contact", "/p/acme/forms/%2e%2e", "/p/acme/forms/" + "x" * 500, "/p/acme/forms/x%00"]
)
async def test_addresses_that_are_none(visitor, path):
    for method in ("GET", "POST"):
        answer = await visitor.desk.client.request(
            method, path, **({"data": {"body": "x"}} if method == "POST" else {})
        )
        assert answer.status_code in (400, 404, 405, 422), answer.status_code


async def test_a_slug_is_compared_as_it_is(visitor):
    for slug in ("CONTACT", "contact%20", "con%E2%80%8Btact"):
        assert (await visitor.desk.client.get(f"/p/acme/forms/{slug}")).status_code == 404
