"""The page of a form: shown in two languages, sent once, nothing typed is lost, and what machines send is counted."""

import re

import pytest

from opsloop_common import limits
from services.feedback.tests.form_visitors import Visitor
from services.feedback.tests.test_forms import FORM

PAGE = "/p/acme/forms/contact"
SAID = "支付失败，而且重复扣款两次。\n请尽快处理！"


@pytest.fixture
async def visitor(clockwork):
    clockwork.form = await clockwork.make("/v1/forms", FORM)
    return Visitor(clockwork, PAGE)


async def posts(visitor, **params):
    return (await visitor.desk.get("/v1/feedback", **params))["items"]


async def counted(visitor, clockwork):
    days = (await visitor.desk.get(f"/v1/forms/{clockwork.form['id']}/counts"))["days"]
    return {name: sum(day[name] for day in days) for name in ("received", "honeypot", "too_fast")}


async def test_a_chinese_complaint_is_sent_and_stands_in_the_queue(visitor, clockwork):
    await visitor.open()

    sent = await visitor.send(
        body=SAID, title="扣款两次", rating="1", email="li@example.com", name="李雷", own__order="A-17", own__plan="pro",
        own__contact_me="yes",
    )  # fmt: skip
    thanks = await visitor.follow(sent)

    reference = re.search(r'class="reference">([0-9A-Z-]{19})<', thanks)[1]
    assert "我们会尽快回复。" in thanks
    [post] = await posts(visitor, channel="form", external_id=reference) or await posts(visitor)
    assert post["external_id"] == reference
    assert (post["body"], post["title"], post["rating"]) == (SAID, "扣款两次", 1)
    assert (post["channel"], post["source"], post["locale"]) == ("form", "visitors", "zh-CN")
    assert (post["kind"], post["area"], post["tags"], post["severity"]) == ("complaint", "shop", ["web"], "s1")
    assert post["author"] == {"user_id": None, "email": "li@example.com", "name": "李雷", "verified": False}
    answers = {"order": "A-17", "plan": "pro", "contact_me": True}
    assert post["attributes"] == {"form": "contact", "answers": answers}
    assert await counted(visitor, clockwork) == {"received": 1, "honeypot": 0, "too_fast": 0}
    assert "feedback.received" in await visitor.desk.types()


async def test_what_is_sent_twice_is_one_post_and_other_words_are_another(visitor, clockwork):
    await visitor.open()

    first = await visitor.send(body=SAID, rating="1")
    again = await visitor.send(body=SAID, rating="1")
    other = await visitor.send(body="另外一件事", rating="3")

    assert first.headers["location"] == again.headers["location"] != other.headers["location"]
    assert [post["body"] for post in await posts(visitor)] == ["另外一件事", SAID]
    assert (await counted(visitor, clockwork))["received"] == 2


@pytest.mark.parametrize(
    ("accepts", "query", "lang", "title"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "", "zh-CN", "联系我们"),
        ("en-GB,en;q=0.9,zh;q=0.8", "", "en", "Contact us"),
        ("zh-CN", "?lang=en", "en", "Contact us"),
        ("en", "?lang=zh", "zh-CN", "联系我们"),
        ("fr", "", "zh-CN", "联系我们"),
        ("", "?lang=fr", "zh-CN", "联系我们"),
    ],
)
async def test_a_page_speaks_the_language_of_its_reader(clockwork, accepts, query, lang, title):
    await clockwork.make("/v1/forms", FORM)
    page = await Visitor(clockwork, PAGE, accepts=accepts).open(query=query)

    assert f'<html lang="{lang}">' in page
    assert f"<h1>{title}</h1>" in page
    assert ("English" in page, "中文" in page) == (lang == "zh-CN", lang == "en")


async def test_the_switch_of_languages_keeps_what_was_typed_and_sends_nothing(visitor):
    await visitor.open()
    page = (await visitor.send(200, body=SAID, rating="4", own__plan="pro", turn="en")).text

    assert "<h1>Contact us</h1>" in page
    assert SAID in page
    assert re.search(r'value="4" name="rating" checked', page)
    assert '<option value="pro" lang="zh-CN" selected>专业</option>' in page
    assert 'role="alert"' not in page
    assert await posts(visitor) == []
    sent = await visitor.send(body=SAID, rating="4")
    assert sent.headers["location"].endswith("lang=en")


async def test_everything_typed_comes_back_with_what_is_to_be_mended(visitor, clockwork):
    await visitor.open()

    page = (await visitor.send(422, body=SAID, email="li@", title="<b>&", name='"李"', own__contact_me="yes")).text

    assert "尚未发送，您填写的内容都还在。" in page
    assert SAID in page
    assert 'value="&lt;b&gt;&amp;"' in page
    assert 'value="&quot;李&quot;"' in page
    assert re.search(r'<input type="checkbox" value="yes" id="own.contact_me"[^>]* checked', page)
    assert re.search(
        r'<input type="email"[^>]*aria-describedby="email.hint email.flaw" aria-invalid="true"[^>]*value="li@"', page
    )
    assert 'id="email.flaw">邮箱地址不完整' in page
    assert 'href="#rating">总体评价</a>' in page
    assert '<div class="notice" id="notice" role="alert" tabindex="-1">' in page
    assert 'action="contact#notice"' in page
    assert await posts(visitor) == []
    await visitor.send(body=SAID, rating="1", email="li@example.com")
    assert (await counted(visitor, clockwork))["received"] == 1


async def test_nothing_at_all_is_told_by_field(visitor):
    await visitor.open()
    page = (await visitor.send(422)).text

    assert 'id="body.flaw">请填写此项。' in page
    assert 'id="rating.flaw">请选择其中一项。' in page
    assert '<a href="#body">发生了什么？</a>' in page


async def test_who_fills_in_what_nobody_sees_is_thanked_and_counted(visitor, clockwork):
    await visitor.open()
    sent = await visitor.send(body="buy pills", website="http://pills.example")

    assert "我们会尽快回复。" in await visitor.follow(sent)
    assert re.search(r'class="reference">[0-9A-Z-]{19}<', await visitor.follow(sent))
    assert await posts(visitor) == []
    assert await counted(visitor, clockwork) == {"received": 0, "honeypot": 1, "too_fast": 0}


async def test_who_is_faster_than_reading_is_thanked_and_counted(visitor, clockwork):
    await visitor.open()
    visitor.desk.api.clock.advance(-28.5)
    sent = await visitor.send(body="buy pills", rating="5")

    assert re.search(r'class="reference">[0-9A-Z-]{19}<', await visitor.follow(sent))
    assert await posts(visitor) == []
    assert (await counted(visitor, clockwork))["too_fast"] == 1


async def test_a_page_that_was_open_for_days_is_sent_with_one_more_press(visitor):
    await visitor.open()
    visitor.desk.api.clock.advance(25 * 3600)

    page = (await visitor.send(409, body=SAID, rating="2")).text

    assert "页面打开的时间过长" in page
    assert SAID in page
    await visitor.send(body=SAID, rating="2")
    assert [post["body"] for post in await posts(visitor)] == [SAID]


@pytest.mark.parametrize("shown", ["", "x", "0.0.0", "f" * 12 + "." + "0" * 32 + "." + "0" * 64])
async def test_a_showing_that_is_not_ours_is_asked_for_again(visitor, shown):
    await visitor.open()
    await visitor.send(409, body=SAID, rating="2", shown=shown)

    assert await posts(visitor) == []


async def test_a_showing_is_of_one_form_and_one_workspace(visitor, clockwork):
    await clockwork.make("/v1/forms", FORM | {"slug": "two"})
    await visitor.open()
    other = Visitor(clockwork, "/p/acme/forms/two")
    other.page = visitor.page

    await other.send(409, body=SAID, rating="2")


async def test_who_sends_too_much_loses_nothing_and_waits(visitor, monkeypatch):
    await visitor.open()
    for number in range(limits.FORM_SENDS_AT_ONCE):
        await visitor.send(body=f"第 {number} 条", rating="3")

    refused = await visitor.send(429, body=SAID, rating="3")

    assert int(refused.headers["retry-after"]) > 0
    assert SAID in refused.text
    assert "一分钟后" in refused.text
    assert len(await posts(visitor)) == limits.FORM_SENDS_AT_ONCE


async def test_a_closed_form_and_one_that_is_none_are_not_there(visitor, clockwork):
    await visitor.open()
    await clockwork.change(f"/v1/forms/{clockwork.form['id']}", enabled=False)

    for path in (PAGE, f"{PAGE}/sent", "/p/acme/forms/none", "/p/other/forms/contact"):
        answer = await visitor.desk.client.get(path)
        assert (answer.status_code, "此表单未开放" in answer.text) == (404, True)
    await visitor.send(404, body=SAID, rating="1")


async def test_a_page_loads_nothing_runs_nothing_and_is_in_no_frame(visitor):
    answer = await visitor.desk.client.get(PAGE)

    policy = answer.headers["content-security-policy"]
    assert policy.startswith(
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; style-src 'sha256-"
    )
    assert policy.endswith("sandbox allow-forms allow-same-origin")
    assert "script" not in answer.text
    assert not re.search(r'(src|href)="(https?:)?//', answer.text)
    assert len(answer.content) < 20_000
    assert not answer.cookies


async def test_a_form_of_another_site_is_refused(visitor):
    await visitor.open()
    visitor.headers["Sec-Fetch-Site"] = "cross-site"

    await visitor.send(403, body=SAID, rating="1")


@pytest.mark.parametrize("ref", ["", "x", "<script>", "ABCD-ABCD-ABCD-ABC!"])
async def test_a_reference_that_is_none_is_not_shown(visitor, ref):
    answer = await visitor.desk.client.get(f"{PAGE}/sent", params={"ref": ref, "lang": "en"})

    assert answer.status_code == 200
    assert 'class="reference"' not in answer.text
    assert "<script>" not in answer.text


async def test_the_longest_answers_to_the_longest_form_are_taken(clockwork):
    asks = [{"ask": ask} for ask in ("title", "name", "email")]
    own = [{"ask": "text", "name": f"n{n}" + "x" * 37, "label": {"zh": "问"}} for n in range(limits.FORM_FIELDS - 3)]
    await clockwork.make("/v1/forms", FORM | {"fields": asks + own})
    visitor = Visitor(clockwork, PAGE)
    await visitor.open()

    typed = {name.replace(".", "__"): "字" * 500 for name in visitor.asked() if name.startswith("own.")}
    await visitor.send(body="长" * 10_000, title="题" * 300, name="名" * 200, **typed)

    [post] = await posts(visitor)
    assert len(post["body"]) == 10_000
    assert len(post["attributes"]["answers"]) == limits.FORM_FIELDS - 3


async def test_what_does_not_fit_comes_back_whole(visitor):
    await visitor.open()
    page = (await visitor.send(422, body="长" * 10_001, rating="1")).text

    assert "请缩短到 10,000 个字以内。" in page
    assert "长" * 10_001 in page


async def test_who_sent_something_is_shown_the_way_to_what_becomes_of_it_and_a_machine_one_to_nothing(visitor):
    ways = []
    for trap in ({}, {"website": "x"}):
        await visitor.open()
        thanks = await visitor.follow(await visitor.send(body=SAID, rating="1", **trap))
        [way] = re.findall(r'href="\.\./\.\./(feedback\?token=[\w-]{44})"', thanks)
        ways.append(f"/p/acme/{way}")

    people, machine = [await visitor.desk.client.get(way) for way in ways]

    [post] = await posts(visitor)
    assert (people.status_code, machine.status_code) == (200, 404)
    assert f"#{post['number']} · We have got it." in people.text
    forged = await visitor.desk.client.get(f"{visitor.path}/sent", params={"see": '"><script>'})
    assert "token=" not in forged.text
