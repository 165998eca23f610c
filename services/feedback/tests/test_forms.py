"""Forms: what may be asked, how they are made, changed and thrown away, and what became of what was sent by them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common import limits
from opsloop_common.db import Context
from opsloop_common.errors import Invalid
from opsloop_common.testing.http import settings_for_tests
from opsloop_feedback.app import SERVICE
from opsloop_feedback.forms import rules, service
from opsloop_feedback.forms.rules import Outcome
from opsloop_feedback.settings import FeedbackSettings

PATH = "/v1/forms"
FORM = {
    "slug": "contact",
    "name": "website",
    "kind": "complaint",
    "area": "shop",
    "tags": ["web"],
    "accent": "#0a7d4f",
    "texts": [
        {
            "locale": "zh",
            "title": "联系我们",
            "intro": "请告诉我们。",
            "asks": "发生了什么？",
            "thanks": "我们会尽快回复。",
        },
        {"locale": "en", "title": "Contact us"},
    ],
    "fields": [
        {"ask": "title"},
        {"ask": "rating", "required": True},
        {"ask": "email"},
        {"ask": "name"},
        {"ask": "text", "name": "order", "label": {"en": "Order number", "zh": "订单号"}},
        {
            "ask": "choice",
            "name": "plan",
            "label": {"zh": "套餐"},
            "options": [
                {"value": "free", "label": {"en": "Free", "zh": "免费"}},
                {"value": "pro", "label": {"zh": "专业"}},
            ],
        },
        {"ask": "yes", "name": "contact_me", "label": {"en": "You may contact me", "zh": "可以联系我"}},
    ],
}


def field(ask, name=None, label=None, options=()):
    return {"ask": ask, "name": name, "label": label, "required": False, "options": list(options)}


ORDER = field("text", "order", {"en": "Order"})
ONE, TWO = ({"value": value, "label": {"en": value}} for value in "12")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ([field("title"), field("title")], "/fields/1"),
        ([ORDER, ORDER], "/fields/1"),
        ([field("text", None, {"en": "Order"})], "/fields/0/name"),
        ([field("text", "order")], "/fields/0/label"),
        ([field("email", "mail")], "/fields/0/name"),
        ([field("choice", "plan", {"en": "Plan"})], "/fields/0/options"),
        ([field("choice", "plan", {"en": "Plan"}, [ONE, ONE])], "/fields/0/options"),
        ([field("text", "order", {"en": "Order"}, [ONE])], "/fields/0/options"),
        ([field("rating", options=[ONE])], "/fields/0/options"),
    ],
)
def test_what_cannot_be_asked_is_refused(fields, pointer):
    with pytest.raises(Invalid) as refused:
        rules.require_askable(fields)

    assert [error.pointer for error in refused.value.errors] == [pointer]


def test_what_can_be_asked_is():
    own = [ORDER, field("choice", "plan", {"en": "Plan"}, [ONE, TWO]), field("yes", "again", {"zh": "再来"})]

    rules.require_askable([field("title"), field("rating"), field("name"), field("email"), field("kind"), *own])
    assert [rules.key_of(one) for one in (field("title"), *own)] == ["title", "own.order", "own.plan", "own.again"]


def test_an_attribute_may_be_called_as_a_part_of_every_post_is():
    rules.require_askable([field("title"), field("text", "title", {"en": "Title of the book"})])


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#000000", 21.0),
        ("#777777", "#777777", 1.0),
        ("#767676", "#ffffff", 4.54),
    ],
)
def test_contrast_is_that_of_the_guidelines(one, other, ratio):
    assert rules.contrast(one, other) == pytest.approx(ratio, abs=0.01)


@given(st.from_regex(r"#[0-9a-f]{6}", fullmatch=True))
def test_words_on_a_button_of_any_colour_can_be_read(accent):
    ground, words = rules.accents(accent)

    assert ground == accent
    assert rules.contrast(words, ground) >= 4.1  # the least that the better of near-black and white has on any ground


def test_a_form_without_a_colour_has_the_houses():
    assert rules.accents(None) == ("#0b57d0", "#ffffff")


async def test_a_form_is_made_shown_changed_and_thrown_away(clockwork):
    made = await clockwork.make(PATH, FORM)
    path = f"{PATH}/{made['id']}"

    assert made["page"] == "/p/acme/forms/contact"
    assert (made["enabled"], made["tags"], made["fields"][4]["name"]) == (True, ["web"], "order")
    assert made["texts"][1] == {"locale": "en", "title": "Contact us", "intro": None, "asks": None, "thanks": None}
    assert await clockwork.desk.get(path) == made
    assert (await clockwork.desk.get(PATH))["items"] == [made]
    changed = await clockwork.change(path, enabled=False, fields=[{"ask": "title"}], kind=None)
    assert (changed["enabled"], len(changed["fields"]), changed["kind"]) == (False, 1, None)
    assert changed["area"] == "shop"
    assert (await clockwork.desk.client.delete(path, headers=clockwork.desk.agent)).status_code == 204
    await clockwork.desk.get(path, 404)


async def test_a_form_knows_its_whole_address_where_the_service_knows_its_own(api):
    door = await api(SERVICE, settings=settings_for_tests(FeedbackSettings, public_url="https://ops.example.test/"))
    made = await door.client.post(PATH, json=FORM, headers=await door.key("feedback:write"))

    assert made.json()["page"] == "https://ops.example.test/p/acme/forms/contact"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"slug": "Not a slug"}, "/slug"),
        ({"accent": "red"}, "/accent"),
        ({"texts": []}, "/texts"),
        ({"texts": [FORM["texts"][0]] * 2}, "/texts"),
        ({"texts": [{"locale": "fr", "title": "Bonjour"}]}, "/texts/0/locale"),
        ({"fields": [{"ask": "title"}] * 21}, "/fields"),
        ({"fields": [{"ask": "age"}]}, "/fields/0/ask"),
        ({"fields": [{"ask": "text", "name": "Order", "label": {"en": "x"}}]}, "/fields/0/name"),
        ({"fields": [{"ask": "text", "name": "order", "label": {}}]}, "/fields/0/label"),
        ({"fields": [{"ask": "text", "name": "order"}]}, "/fields/0/label"),
        ({"kind": "rant"}, "/kind"),
    ],
)
async def test_what_is_no_form_is_refused_with_the_place(clockwork, change, pointer):
    answer = await clockwork.make(PATH, FORM | change, 422)

    assert answer["errors"][0]["pointer"] == pointer


async def test_a_slug_is_taken_once_in_a_workspace_and_free_in_another(clockwork):
    await clockwork.make(PATH, FORM)

    assert "slug" in (await clockwork.make(PATH, FORM, 409))["detail"]
    other = await clockwork.desk.api.key("feedback:write", workspace="other")
    assert (await clockwork.desk.client.post(PATH, json=FORM, headers=other)).status_code == 201


async def test_a_workspace_has_so_many_forms(clockwork, monkeypatch):
    monkeypatch.setattr(limits, "FORMS_PER_WORKSPACE", 1)
    await clockwork.make(PATH, FORM)

    assert (await clockwork.make(PATH, FORM | {"slug": "two"}, 409))["type"].endswith("too_many")


async def test_the_audit_log_keeps_what_is_asked_and_no_words(clockwork):
    made = await clockwork.make(PATH, FORM)
    await clockwork.change(f"{PATH}/{made['id']}", name="again", accent="#ffffff")

    admin = await clockwork.desk.api.key("feedback:admin")
    log = (await clockwork.desk.client.get("/v1/audit", headers=admin)).text
    assert '"asks":["title","rating","email","name","text","choice","yes"]' in re.sub(r"\s", "", log)
    assert not re.search("联系我们|Order number|website|again", log)


async def test_what_became_of_what_was_sent_is_counted_by_day(clockwork):
    made = await clockwork.make(PATH, FORM)
    path = f"{PATH}/{made['id']}/counts"
    desk = clockwork.desk
    session_of = desk.api.db.transaction

    async def count(*outcomes):
        for outcome in outcomes:
            async with session_of(Context(workspace="acme")) as session:
                await service.count(session, made["id"], outcome)

    assert await desk.get(path) == {"days": []}
    clockwork.at("2026-11-20T09:00")
    await count(Outcome.RECEIVED, Outcome.HONEYPOT)
    clockwork.at("2026-11-21T09:00")
    await count(Outcome.RECEIVED, Outcome.RECEIVED, Outcome.TOO_FAST)
    assert (await desk.get(path))["days"] == [
        {"day": "2026-11-21", "received": 2, "honeypot": 0, "too_fast": 1},
        {"day": "2026-11-20", "received": 1, "honeypot": 1, "too_fast": 0},
    ]
    clockwork.at("2027-02-19T09:00")  # 90 days after the second
    assert [one["day"] for one in (await desk.get(path))["days"]] == ["2026-11-21"]
    other = await desk.api.key("feedback:read", workspace="other")
    assert (await desk.client.get(path, headers=other)).status_code == 404


async def test_who_may_not_write_makes_no_form(clockwork):
    for scope in ("feedback:read", "feedback:submit"):
        answer = await clockwork.desk.client.post(PATH, json=FORM, headers=await clockwork.desk.api.key(scope))
        assert answer.status_code == 403


async def test_a_stale_version_changes_nothing(clockwork):
    made = await clockwork.make(PATH, FORM)
    path = f"{PATH}/{made['id']}"
    await clockwork.change(path, name="first")

    answer = await clockwork.desk.client.patch(
        path, json={"name": "second"}, headers=clockwork.desk.agent | {"If-Match": '"1"'}
    )
    assert answer.status_code == 412
    assert (await clockwork.desk.get(path))["name"] == "first"


@pytest.mark.parametrize(
    ("accent", "words"),
    [
        ("#000000", "#ffffff"),
        ("#ffffff", "#1b1b1f"),
        ("#0a7d4f", "#ffffff"),
        ("#ffd400", "#1b1b1f"),
        ("#c0392b", "#ffffff"),
        ("#8ab4f8", "#1b1b1f"),
        ("#7f00ff", "#ffffff"),
    ],
)
def test_words_on_colours_that_shops_have(accent, words):
    assert rules.accents(accent) == (accent, words)


@given(st.from_regex(r"#[0-9a-f]{6}", fullmatch=True), st.from_regex(r"#[0-9a-f]{6}", fullmatch=True))
def test_contrast_is_the_same_from_both_sides(one, other):
    assert 1 <= rules.contrast(one, other) == rules.contrast(other, one) <= 21.01


ROUTES = [
    ("POST", PATH, "feedback:write"),
    ("GET", PATH, "feedback:read"),
    ("GET", f"{PATH}/{{id}}", "feedback:read"),
    ("GET", f"{PATH}/{{id}}/counts", "feedback:read"),
    ("PATCH", f"{PATH}/{{id}}", "feedback:write"),
    ("DELETE", f"{PATH}/{{id}}", "feedback:write"),
]


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
async def test_each_route_asks_for_its_scope(clockwork, method, path, scope):
    made = await clockwork.make(PATH, FORM)
    desk = clockwork.desk
    body = {"POST": FORM | {"slug": "two"}, "PATCH": {"name": "two"}}.get(method)
    other = {"feedback:read": "feedback:write", "feedback:write": "feedback:read"}[scope]

    async def status(headers):
        answer = await desk.client.request(method, path.format(id=made["id"]), json=body, headers=headers)
        return answer.status_code

    assert await status({}) == 401
    assert await status(await desk.api.key(other)) == 403
    assert await status(await desk.api.publishable("feedback:submit")) == 403
    assert await status(await desk.api.user("u1")) == 403
    assert await status(await desk.api.key(scope)) in (200, 201, 204)
    assert await status({"Authorization": "Bearer opl_none"}) == 401


async def test_a_form_says_nothing_of_itself_to_a_visitor_but_what_it_asks(clockwork):
    await clockwork.make(PATH, FORM | {"name": "internal name", "area": "secret area", "tags": ["secret-tag"]})
    page = (await clockwork.desk.client.get("/p/acme/forms/contact")).text

    for word in ("internal name", "secret area", "secret-tag", "complaint"):
        assert word not in page
