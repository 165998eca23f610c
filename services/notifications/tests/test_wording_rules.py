"""Markdown becomes a mail's HTML and its text; the frame holds both languages, day and night."""

import re
import time
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from opsloop_notifications.wording import layout, markdown, rules, sandbox
from opsloop_notifications.wording.rules import Unfilled, Unsayable, fill, say, warnings


def mail(**parts):
    return {"subject": "s", "body": "b", "preheader": None, "html": None} | parts


def one(data=None, locale="en", **parts):
    [found] = say([{"locale": locale, "email": mail(**parts)}], data or {}, ["email"])
    return found


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("# Head\n\nwords *and* **more**", "Head\n\nwords and more\n"),
        ("[here](https://a.test/?x=1&y=2)", "here (https://a.test/?x=1&y=2)\n"),
        ("<https://a.test/>", "https://a.test/\n"),
        ("[ann@a.test](mailto:ann@a.test)", "ann@a.test\n"),
        ("- one\n- two\n  - three\n\nafter", "- one\n- two\n  - three\n\nafter\n"),
        ("3. c\n4. d", "3. c\n4. d\n"),
        ("> said\n> more\n\nafter", "> said\n> more\n\nafter\n"),
        ("> said\n>\n> > deeper\n>\n> more", "> said\n>\n> > deeper\n>\n> more\n"),
        ("|Format|Now|\n|-|-:|\n|PDF|*99%*|\n\nafter", "Format | Now\nPDF | 99%\n\nafter\n"),
        ("> |格式|\n> |-|\n> |[PDF](https://a.test)|", "> 格式\n> PDF (https://a.test)\n"),
        ("```\na\n  b\n```\n\nc", "a\n  b\n\nc\n"),
        ("a\n\n---\n\nb", "a\n\n---\n\nb\n"),
        ("![a picture](https://a.test/p.png)", "a picture\n"),
        ("one\\\ntwo", "one\ntwo\n"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>\n"),
        ("第一行\n\n- 项目", "第一行\n\n- 项目\n"),
    ],
)
def test_the_text_part(source, text):
    assert markdown.to_text(source) == text


def test_the_html_part_has_styles_and_no_html_of_others():
    html = markdown.to_html(
        "# H\n\n[a](https://a.test) <b onclick=x>`c`</b> [j](javascript:alert(1)) ![i](data:image/svg+xml,x)"
    )

    assert '<h1 style="margin:0 0 16px' in html
    assert '<a href="https://a.test" style="color:#0b57d0;text-decoration:underline" class="ol-a">a</a>' in html
    assert "&lt;b onclick=x&gt;" in html
    assert 'href="javascript' not in html
    assert "<img" not in html


def test_tables_and_code_are_shown_as_such():
    html = markdown.to_html("|a|b|\n|-|:-:|\n|1|<i>|\n\n```\n<pre>\n```")

    assert re.search(r'<table style="[^"]*border-collapse:collapse">', html)
    assert re.search(r'<th style="[^"]*;text-align:start">a</th>', html)
    assert re.search(r'<td style="[^"]*;text-align:center">&lt;i&gt;</td>', html)
    assert re.search(r'<pre style="[^"]*" class="ol-pre"><code style="[^"]*" class="ol-code">&lt;pre&gt;', html)


def test_a_value_makes_no_cell():
    source = sandbox.render("|a|b|\n|-|-|\n|{{ a }}|x|", {"a": "1|2"}, sandbox.Into.MARKDOWN, sandbox.Budget())

    assert markdown.to_text(source) == "a | b\n1|2 | x\n"


def test_a_line_below_the_column():
    html = layout.in_frame("<p>one</p>", locale="en", subject="s", preheader="p")

    assert "<p>one</p></td></tr><tr><td" in layout.with_foot(html, "how to stop")
    assert "how to stop</td></tr></table>" in layout.with_foot(html, "how to stop")
    assert layout.with_foot("<p>of no frame</p>", "how to stop") == "<p>of no frame</p>"


def test_html_that_somebody_wrote_is_cleaned():
    dirty = (
        '<p style="color:red;position:fixed" onclick="x">a<script>b</script></p><a href="javascript:1">c</a>'
        '<img src="https://a.test/i.png" alt="i" onerror="x"><iframe src="https://a.test"></iframe><form><input></form>'
    )

    clean = markdown.clean(dirty)

    assert clean == '<p style="color:red">a</p><a>c</a><img src="https://a.test/i.png" alt="i">'
    assert markdown.clean(clean) == clean


def test_html_stands_in_the_place_of_the_markdown_and_the_text_stays():
    found = one({"n": "<i>"}, body="text {{ n }}", html="<h2>{{ n }}</h2><script>x</script>")

    assert "<h2>&lt;i&gt;</h2>" in found["html"]
    assert "script" not in found["html"]
    assert found["body"] == "text <i>\n"


@pytest.mark.parametrize(
    ("locale", "direction", "height"), [("en", "ltr", "1.5"), ("zh-Hant-TW", "ltr", "1.7"), ("ar", "rtl", "1.5")]
)
def test_the_frame(locale, direction, height):
    html = layout.in_frame("<p>x</p>", locale=locale, subject='a"<b>', preheader="<p>")

    assert f'<html lang="{locale}" dir="{direction}">' in html
    assert f"line-height:{height}" in html
    assert "<title>a&quot;&lt;b&gt;</title>" in html
    assert "&lt;p&gt;&#847;" in html
    assert "prefers-color-scheme:dark" in html
    assert 'name="color-scheme" content="light dark"' in html
    assert "<p>x</p>" in html
    assert "http" not in html, "nothing is loaded from elsewhere"


def test_a_preheader_is_what_was_written_or_the_first_words():
    assert one(body="# Head\n\nwords", preheader="{{ 'p' }}")["preheader"] == "p"
    assert one(body="# Head\n\nwords")["preheader"] == "Head words"


def test_subjects_are_one_line_of_a_length():
    assert one({"a": "x\r\nBcc: y"}, subject="{{ a }}")["subject"] == "x Bcc: y"
    assert one({"a": "x" * 300}, subject="{{ a }}")["subject"] == "x" * 199 + "…"


@pytest.mark.parametrize("address", ["https://a.test/x?y=1", "HTTP://a.test", "/orders/1", "/"])
def test_where_an_entry_leads(address):
    [entry] = say([{"locale": "en", "inbox": {"title": "t", "body": "b", "url": "{{ u }}"}}], {"u": address}, ["inbox"])

    assert (entry["url"], entry["subject"], entry["body"], entry["channel"]) == (address, "t", "b", "inbox")


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "//evil.test", "/\\evil.test", "data:text/html,x", "ftp://a", "a b", "https://a b", ""],
)
def test_where_an_entry_leads_not(address):
    with pytest.raises(Unsayable) as refused:
        say([{"locale": "en", "inbox": {"title": "t", "body": "b", "url": "{{ u }}"}}], {"u": address}, ["inbox"])
    assert (refused.value.place, str(refused.value)) == (
        "/0/inbox/url",
        "url in en, line 1: is no address of the web, and no path",
    )


def test_what_says_nothing_with_its_data_is_not_said():
    with pytest.raises(Unsayable) as refused:
        one({"a": "\u200b "}, subject="{{ a }}")
    assert str(refused.value) == "subject in en, line 1: says nothing with this data"
    with pytest.raises(Unsayable):
        one({"a": "x" * 30_000}, body="{{ a }}{{ a }}")


def test_only_the_channels_that_are_asked_for():
    contents = [
        {"locale": "en", "email": mail(), "inbox": {"title": "t", "body": "b"}},
        {"locale": "zh", "email": mail()},
    ]

    assert [(one["channel"], one["locale"]) for one in say(contents, {}, ["inbox"])] == [("inbox", "en")]
    assert [(one["channel"], one["locale"]) for one in say(contents, {}, ["email"])] == [
        ("email", "en"),
        ("email", "zh"),
    ]


def test_warnings():
    contents = [
        {
            "locale": "zh",
            "email": mail(subject="长" * 31, body="![](https://a.test/i.png) {{ a }}"),
            "inbox": {"title": "t" * 61, "body": "b"},
        }
    ]
    data = {"a": 1, "b": 2}

    found = rules.warnings(contents, data, say(contents, data))

    assert found["email", "zh"] == [
        "the subject takes 62 columns; lists of mails show about 60",
        "there is no preheader: the first words of the body stand in its place",
        "1 images have no alternative text",
        "the data has what the mail does not ask for: b",
    ]
    assert found["inbox", "zh"] == ["the subject takes 61 columns; lists of mails show about 60"]


def test_the_first_part_that_cannot_be_read_is_named():
    contents = [{"locale": "en", "email": mail()}, {"locale": "zh", "email": mail(html="a\n{% x %}")}]

    with pytest.raises(Unsayable) as refused:
        rules.require_readable(contents)
    assert (refused.value.place, refused.value.fault.line) == ("/1/email/html", 2)


@pytest.mark.parametrize("piece", ["[", "*a_ ", "![[]()", "> ", "a\n", "|-\n", "[a](", "`", "- ", "&", "<"])
def test_long_markdown_takes_no_time(piece):
    source = piece * (20_000 // len(piece))
    began = time.process_time()

    markdown.to_html(source), markdown.to_text(source)

    assert time.process_time() - began < 2.0


@given(st.text(max_size=100))
def test_a_value_stays_words_whatever_it_is(value):
    source = sandbox.render("Dear {{ a }}, hello", {"a": value}, sandbox.Into.MARKDOWN, sandbox.Budget())

    tokens = MarkdownIt("commonmark", {"html": False}).parse(source)

    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert {child.type for child in tokens[1].children} <= {"text", "text_special"}


class TestFill:
    """A document whose texts are templates."""

    def test_texts_are_filled_and_the_rest_stays(self):
        document = {"to": "{{ to }}", "n": 7, "deep": [{"a": "{{ text | upcase }}"}, None, True], "{{ to }}": "x"}
        filled = fill(document, {"to": '+1"', "text": "hi"})
        assert filled == {"to": '+1"', "n": 7, "deep": [{"a": "HI"}, None, True], "{{ to }}": "x"}

    @pytest.mark.parametrize(
        "text", ["{{ nobody }}", "{% if %}", "{{ to | nothing }}", "{% for a in (1..9999999) %}x{% endfor %}"]
    )
    def test_what_cannot_be_filled_is_told(self, text):
        with pytest.raises(Unfilled):
            fill({"a": [text]}, {"to": "x"})

    def test_all_texts_together_have_one_budget(self):
        dear = "{% for a in (1..1000) %}{{ a }}{% endfor %}"
        with pytest.raises(Unfilled):
            fill([dear] * 200, {})


class TestFurtherChannels:
    """What chats, SMS and browsers say."""

    CONTENT: ClassVar = {
        "locale": "en",
        "email": None,
        "inbox": None,
        "chat": {"title": None, "body": "Dear {{ name }}", "url": "https://a.test/{{ name }}"},
        "sms": {"body": "{{ name }}"},
        "push": {"title": "Hi {{ name }}", "body": "b", "url": "/orders"},
    }

    def test_each_says_what_it_has_words_for(self):
        said = {one["channel"]: one for one in say([self.CONTENT], {"name": "Ann"})}
        assert said.keys() == {"chat", "sms", "push"}
        assert (said["chat"]["subject"], said["chat"]["body"], said["chat"]["url"]) == (
            None,
            "Dear Ann",
            "https://a.test/Ann",
        )
        assert (said["sms"]["subject"], said["sms"]["body"], said["sms"]["url"]) == (None, "Ann", None)
        assert said["push"]["subject"] == "Hi Ann"

    def test_what_is_no_address_is_refused(self):
        content = self.CONTENT | {"chat": {"title": None, "body": "b", "url": "javascript:{{ name }}"}}
        with pytest.raises(Unsayable):
            say([content], {"name": "x"})

    def test_there_are_no_warnings_about_mail(self):
        said = say([self.CONTENT], {"name": "Ann"})
        assert warnings([self.CONTENT], {"name": "Ann", "more": 1}, said) == {
            (each, "en"): [] for each in ("chat", "sms", "push")
        }
