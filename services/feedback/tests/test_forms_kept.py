"""What is kept of a form: each part by itself, under many hands at once, apart from other workspaces, and what goes with it."""

import asyncio
from datetime import UTC
from uuid import uuid4

import pytest

from opsloop_common import limits
from opsloop_common.db import Context
from opsloop_feedback.forms import service
from opsloop_feedback.forms.rules import Ask, Outcome
from services.feedback.tests.form_visitors import Visitor
from services.feedback.tests.test_forms import FORM, PATH

BARE = {"slug": "bare", "name": "bare", "texts": [{"locale": "en", "title": "Tell us"}]}
WORDS = {"en": "Please", "zh": "请填写"}
PRO = {"value": "pro", "label": {"en": "Professional", "zh": "专业版"}}
OWN = {"ask": "text", "name": "order", "label": WORDS}
CHOICE = {"ask": "choice", "name": "plan", "label": WORDS, "options": [PRO]}
YES = {"ask": "yes", "name": "again", "label": WORDS}
FIELDS = {
    Ask.TITLE: ({"ask": "title"}, "<input", "title"),
    Ask.RATING: ({"ask": "rating"}, "<input", "rating"),
    Ask.NAME: ({"ask": "name"}, "<input", "name"),
    Ask.EMAIL: ({"ask": "email"}, "<input", "email"),
    Ask.KIND: ({"ask": "kind"}, "<select", "kind"),
    Ask.TEXT: (OWN, "<input", "own.order"),
    Ask.CHOICE: (CHOICE, "<select", "own.plan"),
    Ask.YES: (YES, "<input", "own.again"),
}


def test_each_kind_of_field_has_an_example_here():
    assert set(FIELDS) == set(Ask)


@pytest.mark.parametrize("ask", Ask)
@pytest.mark.parametrize("required", [True, False])
async def test_each_kind_of_field_is_kept_and_asked(clockwork, ask, required):
    field, control, name = FIELDS[ask]
    made = await clockwork.make(PATH, BARE | {"fields": [field | {"required": required}]})

    [kept] = made["fields"]
    assert (kept["ask"], kept["required"], kept["name"]) == (ask, required, field.get("name"))
    assert [option["value"] for option in kept["options"]] == (["pro"] if ask is Ask.CHOICE else [])
    visitor = Visitor(clockwork, "/p/acme/forms/bare", accepts="en")
    page = await visitor.open()
    assert visitor.asked() == ["website", "body", name]
    assert control in page
    assert ("(optional)" in page) is not required


@pytest.mark.parametrize("ask", Ask)
async def test_each_kind_of_field_may_have_words_of_its_own(clockwork, ask):
    field = FIELDS[ask][0] | {"label": WORDS}
    await clockwork.make(PATH, BARE | {"texts": FORM["texts"], "fields": [field]})

    for accepts, words in (("en", "Please"), ("zh", "请填写")):
        assert words in await Visitor(clockwork, "/p/acme/forms/bare", accepts=accepts).open()


@pytest.mark.parametrize(
    ("locale", "label", "shown"),
    [
        ("en", {"zh": "请填写"}, '<span lang="zh-CN">请填写</span>'),
        ("zh", {"en": "Please"}, '<span lang="en">Please</span>'),
        ("en", {"en": "Please"}, ">Please "),
    ],
)
async def test_words_of_the_other_language_say_which_it_is(clockwork, locale, label, shown):
    texts = [{"locale": locale, "title": "Tell us"}]
    await clockwork.make(PATH, BARE | {"texts": texts, "fields": [OWN | {"label": label}]})

    page = await Visitor(clockwork, "/p/acme/forms/bare").open()
    assert shown in page
    assert 'name="turn"' not in page


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"name": "another"}, {"name": "another"}),
        ({"enabled": False}, {"enabled": False}),
        ({"kind": "bug"}, {"kind": "bug"}),
        ({"kind": None}, {"kind": None}),
        ({"area": "checkout"}, {"area": "checkout"}),
        ({"area": None}, {"area": None}),
        ({"tags": []}, {"tags": []}),
        ({"tags": ["a", "b", "A"]}, {"tags": ["a", "b", "A"]}),
        ({"accent": "#123456"}, {"accent": "#123456"}),
        ({"accent": None}, {"accent": None}),
        ({"fields": []}, {"fields": []}),
    ],
)
async def test_a_change_changes_what_it_names_and_nothing_else(clockwork, change, kept):
    made = await clockwork.make(PATH, FORM)
    changed = await clockwork.change(f"{PATH}/{made['id']}", **change)

    assert {name: changed[name] for name in changed if name != "updated_at"} == {
        name: value for name, value in (made | kept).items() if name != "updated_at"
    }


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"slug": "other"}, "/slug"),
        ({"name": None}, "/name"),
        ({"enabled": None}, "/enabled"),
        ({"enabled": "yes"}, "/enabled"),
        ({"tags": None}, "/tags"),
        ({"texts": None}, "/texts"),
        ({"fields": None}, "/fields"),
        ({"accent": "#ABCDEF"}, "/accent"),
        ({"accent": "#fff"}, "/accent"),
        ({"fields": [{"ask": "title", "name": "title"}]}, "/fields/0/name"),
        ({"fields": [CHOICE, CHOICE]}, "/fields/1"),
        ({"fields": [CHOICE | {"options": [PRO] * 21}]}, "/fields/0/options"),
        ({"fields": [CHOICE | {"options": []}]}, "/fields/0/options"),
        ({"fields": [YES | {"label": {"en": "\u200b"}}]}, "/fields/0/label/en"),
        ({"texts": [{"locale": "en", "title": "x", "intro": "x" * 2_001}]}, "/texts/0/intro"),
    ],
)
async def test_what_is_no_change_is_refused_with_the_place_and_changes_nothing(clockwork, change, pointer):
    made = await clockwork.make(PATH, FORM)
    refused = await clockwork.change(f"{PATH}/{made['id']}", 422, **change)

    assert refused["errors"][0]["pointer"] == pointer
    assert await clockwork.desk.get(f"{PATH}/{made['id']}") == made


async def test_a_colour_in_capitals_is_told_as_it_is_meant(clockwork):
    refused = await clockwork.make(PATH, BARE | {"accent": "#ABCDEF"}, 422)

    assert "did you mean #abcdef?" in refused["errors"][0]["detail"]


async def test_of_many_who_take_a_slug_at_once_one_has_it(clockwork):
    desk = clockwork.desk
    answers = await asyncio.gather(*(desk.client.post(PATH, json=BARE, headers=desk.agent) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


async def test_of_what_is_sent_at_once_all_is_counted(clockwork):
    made = await clockwork.make(PATH, BARE)

    async def count(outcome):
        async with clockwork.desk.api.db.transaction(Context(workspace="acme")) as session:
            await service.count(session, made["id"], outcome)

    await asyncio.gather(*(count(outcome) for outcome in [*Outcome] * 6))
    [day] = (await clockwork.desk.get(f"{PATH}/{made['id']}/counts"))["days"]
    assert {name: day[name] for name in Outcome} == dict.fromkeys(Outcome, 6)


async def test_a_request_that_is_sent_again_makes_one_form(clockwork):
    desk = clockwork.desk
    key = desk.agent | {"Idempotency-Key": "made-once"}
    first, again = [await desk.client.post(PATH, json=BARE, headers=key) for _ in range(2)]

    assert (first.status_code, again.status_code, again.headers["idempotency-replayed"]) == (201, 201, "true")
    assert first.json() == again.json()
    assert first.headers["location"] == f"forms/{first.json()['id']}"
    assert len((await desk.get(PATH))["items"]) == 1


async def test_forms_are_listed_page_by_page_the_newest_first(clockwork):
    made = [(await clockwork.make(PATH, BARE | {"slug": f"n{number}"}))["slug"] for number in range(5)]

    found, cursor = [], {}
    while cursor is not None:
        page = await clockwork.desk.get(PATH, limit=2, **cursor)
        found += [form["slug"] for form in page["items"]]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
    assert found == made[::-1]


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_a_form_of_another_workspace_is_not_there(clockwork, method):
    made = await clockwork.make(PATH, BARE)
    stranger = await clockwork.desk.api.key("feedback:read", "feedback:write", workspace="other")

    for path in (f"{PATH}/{made['id']}", f"{PATH}/{uuid4()}", f"{PATH}/x"):
        body = {"json": {"name": "x"}} if method == "PATCH" else {}
        assert (await clockwork.desk.client.request(method, path, headers=stranger, **body)).status_code == 404
    assert (await clockwork.desk.client.get(PATH, headers=stranger)).json()["items"] == []
    assert await clockwork.desk.get(f"{PATH}/{made['id']}") == made


async def test_a_form_that_is_thrown_away_takes_its_numbers_and_leaves_its_posts(clockwork):
    made = await clockwork.make(PATH, BARE)
    visitor = Visitor(clockwork, "/p/acme/forms/bare")
    await visitor.open()
    await visitor.send(body="It fails.")
    gone = await clockwork.desk.client.delete(f"{PATH}/{made['id']}", headers=clockwork.desk.agent)

    assert gone.status_code == 204
    await clockwork.desk.get(f"{PATH}/{made['id']}/counts", 404)
    await visitor.open(404)
    assert [post["attributes"] for post in (await clockwork.desk.get("/v1/feedback"))["items"]] == [{"form": "bare"}]
    again = await clockwork.make(PATH, BARE)
    assert (await clockwork.desk.get(f"{PATH}/{again['id']}/counts"))["days"] == []


async def test_who_has_the_page_open_is_asked_what_the_form_asks_now(clockwork):
    made = await clockwork.make(PATH, BARE)
    visitor = Visitor(clockwork, "/p/acme/forms/bare", accepts="en")
    await visitor.open()
    await clockwork.change(f"{PATH}/{made['id']}", fields=[OWN | {"required": True}])

    page = (await visitor.send(422, body="It fails.")).text
    assert 'id="own.order.flaw"' in page
    assert "It fails." in page
    await visitor.send(body="It fails.", own__order="A-17")


async def test_a_form_in_one_language_speaks_it_to_everybody(clockwork):
    await clockwork.make(PATH, BARE)

    for accepts in ("zh-CN", "en", "fr"):
        assert '<html lang="en">' in await Visitor(clockwork, "/p/acme/forms/bare", accepts=accepts).open()


async def test_as_many_forms_as_a_workspace_may_have_do_not_bound_another(clockwork, monkeypatch):
    monkeypatch.setattr(limits, "FORMS_PER_WORKSPACE", 1)
    await clockwork.make(PATH, BARE)

    other = await clockwork.desk.api.key("feedback:write", workspace="other")
    assert (await clockwork.desk.client.post(PATH, json=BARE, headers=other)).status_code == 201


@pytest.mark.parametrize("day", ["2026-11-20T00:30", "2026-11-20T12:00", "2026-11-20T23:30"])
async def test_days_are_those_of_utc(clockwork, day):
    made = await clockwork.make(PATH, BARE)
    moment = clockwork.at(day)
    visitor = Visitor(clockwork, "/p/acme/forms/bare")
    await visitor.open()

    await visitor.send(body="It fails.")
    [counted] = (await clockwork.desk.get(f"{PATH}/{made['id']}/counts"))["days"]
    assert counted["day"] == moment.astimezone(UTC).date().isoformat()
    assert counted["received"] == 1
    assert (counted["honeypot"], counted["too_fast"]) == (0, 0)


@pytest.mark.parametrize("path", ["/p/acme/forms/bare", "/p/acme/forms/bare/sent"])
async def test_a_page_is_never_kept_by_a_browser(clockwork, path):
    await clockwork.make(PATH, BARE)

    answer = await clockwork.desk.client.get(path)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "same-origin"
