"""What a mail says: its words without what it quotes, in whatever charset, by whatever program; and mails that mean ill."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_feedback.letters import rules
from opsloop_feedback.letters.reading import read
from opsloop_feedback.letters.service import LetterReader

ANSWERS = {"In_Reply_To": "<0@x>"}
HEAD = b"From: a@example.com\nMessage-ID: <1@x>\n"


def mail(
    words: str, *, subject: str = "Re: x", charset: str = "utf-8", html: str | None = None, **headers: str
) -> bytes:
    made = EmailMessage()
    made["From"], made["Subject"] = "张三 <zhang@example.com>", subject
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(words, charset=charset)
    if html is not None:
        made.add_alternative(html, subtype="html")
    return made.as_bytes()


def said(raw: bytes) -> str:
    document, _ = read(raw)
    return str(document["text"])


QUOTED = [
    "还是不行。\n\n在 2026年11月28日 10:00，客服 <help@shop.example> 写道：\n> 请再试一次\n",
    "还是不行。\n\n在 2026年11月28日，上午10:00，客服 <help@shop.example> 写道：\n\n> 请再试\n",
    "还是不行。\n\n于 2026/11/28 10:00, 客服 写道:\n> 请再试\n",
    "还是不行。\n\n在 2026年11月28日星期六 10:00，一个名字很长的客服人员\n<help@shop.example> 写道：\n> 请再试\n",
    '还是不行。\n\n------------------ 原始邮件 ------------------\n发件人: "客服" <help@shop.example>;\n发送时间: 今天\n\n请再试\n',
    "还是不行。\n\n---- 回复的原邮件 ----\n| 发件人 | 客服 |\n| 日期 | 2026年11月28日 |\n请再试\n",
    "还是不行。\n\n发件人: 客服 <help@shop.example>\n发送时间: 2026年11月28日 10:00\n收件人: 我\n主题: Re: 导出\n\n请再试\n",
    "还是不行。\n\n寄件者: 客服\n寄件日期: 2026年11月28日\n收件者: 我\n主旨: 匯出\n\n請再試\n",
    "还是不行。\n\n发自我的iPhone\n\n> 在 2026年11月28日，上午10:00，客服 <help@shop.example> 写道：\n> \n> 请再试\n",
    "还是不行。\n\n来自我的华为手机\n",
    "还是不行。\n\n-- \n张三\n某公司\n",
]
QUOTED_IN_ENGLISH = [
    "Still fails.\n\nOn Sat, Nov 28, 2026 at 10:00 AM Help <help@shop.example> wrote:\n> try again\n> > old\n",
    "Still fails.\n\nOn Sat, Nov 28, 2026 at 10:00 AM Help Desk of the Shop\n<help@shop.example> wrote:\n> try again\n",
    "Still fails.\n\n-----Original Message-----\nFrom: Help\nSent: Saturday\n\ntry again\n",
    "Still fails.\n\n________________________________\nFrom: Help <help@shop.example>\nSent: Saturday\nTo: me\nSubject: x\n\ntry\n",
    "Still fails.\n\nFrom: Help <help@shop.example>\nDate: Saturday\nTo: me\n\ntry\n",
    "Still fails.\n\nSent from my iPhone\n\n> On 28 Nov 2026, at 10:00, Help <help@shop.example> wrote:\n>\n> try again\n",
    "Still fails.\n\nGet Outlook for iOS\n",
    "Still fails.\n\n-- \nJohn\nACME\n",
    "Still fails.\n\nBest regards,\nJohn\n",
    "Still fails.\n> try again\n> and again\n",
]


@pytest.mark.parametrize("words", QUOTED)
def test_chinese_answers_without_what_they_quote(words: str) -> None:
    assert said(mail(words, **ANSWERS)) == "还是不行。"


@pytest.mark.parametrize("words", QUOTED_IN_ENGLISH)
def test_english_answers_without_what_they_quote(words: str) -> None:
    assert said(mail(words, **ANSWERS)) == "Still fails."


@pytest.mark.parametrize(
    "words",
    [
        "Steps:\n- open\n- export\n- it fails",
        "On Monday I wrote: nothing happens.\nOn Tuesday neither.",
        "在北京，用户都说导出失败。\n发件人是谁？",
        "From: the menu I choose export\nand it fails",
        "a > b and b > c\n> is greater",
    ],
)
def test_what_is_no_quote_stays(words: str) -> None:
    assert said(mail(words, subject="x")) == words
    assert rules.without_quotes(words).split("\n")[0] == words.split("\n")[0]


def test_what_answers_below_the_quote_is_not_lost() -> None:
    words = "> try again\n\nI did, and it fails."
    assert "I did, and it fails." in said(mail(words, **ANSWERS))


def test_a_forwarded_mail_says_what_it_hands_on() -> None:
    words = "See below.\n\n-----Original Message-----\nFrom: User\nSent: today\n\nThe export fails.\n"
    assert "The export fails." in said(mail(words, subject="Fwd: export", **ANSWERS))
    assert "The export fails." in said(mail(words, subject="转发：导出", **ANSWERS))


@pytest.mark.parametrize(
    ("charset", "named"),
    [
        ("gb18030", "gb18030"),
        ("gb18030", "gb2312"),
        ("gbk", "gbk"),
        ("big5", "big5"),
        ("utf-8", "utf-8"),
        ("utf-8", "us-ascii"),
        ("utf-8", "x-unknown"),
        ("gb18030", "x-unknown"),
        ("utf-16", "utf-16"),
    ],
)
def test_charsets_are_read_for_what_they_are(charset: str, named: str) -> None:
    raw = HEAD + f"Content-Type: text/plain; charset={named}\nContent-Transfer-Encoding: base64\n\n".encode()
    assert said(raw + base64.encodebytes("付款失敗".encode(charset))) == "付款失敗"


@pytest.mark.parametrize("charset", ["iso-2022-jp", "shift_jis", "euc-kr"])
def test_japanese_and_korean(charset: str) -> None:
    words = "못 합니다" if charset == "euc-kr" else "エクスポートできません"
    raw = HEAD + f"Content-Type: text/plain; charset={charset}\n\n".encode() + words.encode(charset)
    document, _ = read(raw)
    assert document["text"] == words
    assert document["locale"] == ("ko" if charset == "euc-kr" else "ja")


def test_headers_are_read_in_their_charsets() -> None:
    raw = (
        b"From: =?gb2312?B?1cXI/Q==?= <zhang@example.com>\nSubject: =?utf-8?B?5Zue5aSNOiDlr7zlh7o=?=\n =?utf-8?B?5aSx6LSl?=\n"
        b"Date: Sat, 28 Nov 2026 10:00:00 +0800\nTo: Help <help@shop.example>, reply+abc@shop.example\n\nx"
    )
    document, _ = read(raw)
    assert (document["from_name"], document["from_address"]) == ("张三", "zhang@example.com")
    assert document["subject"] == "导出失败"
    assert document["said_at"] == datetime(2026, 11, 28, 2, tzinfo=UTC).isoformat()
    assert document["to"] == ["help@shop.example", "reply+abc@shop.example"]


def test_html_alone_becomes_text_without_its_quotes() -> None:
    html = "<p>还是<b>不行</b></p><script>x()</script><blockquote type='cite'>old</blockquote><div class='gmail_quote'>older</div>"
    raw = HEAD + b"Content-Type: text/html; charset=utf-8\n\n" + html.encode()
    assert said(raw) == "还是不行"


def test_plain_text_goes_before_html() -> None:
    assert said(mail("plain", subject="x", html="<p>html</p>")) == "plain"


def test_files_are_told_apart_from_words() -> None:
    made = EmailMessage()
    made["From"] = "a@example.com"
    made.set_content("words")
    made.add_attachment("log", filename="日志.txt")
    made.add_attachment(b"x" * 10, maintype="image", subtype="png", filename="a.png")
    document, files = read(made.as_bytes())

    assert document["text"] == "words"
    assert [each["name"] for each in document["files"]] == ["日志.txt", "a.png"]
    assert [len(each) for each in files] == [each["size"] for each in document["files"]]


@pytest.mark.parametrize(
    ("headers", "sender", "reason"),
    [
        ({}, "a@example.com", None),
        ({"auto-submitted": "no"}, "a@example.com", None),
        ({"precedence": "first-class"}, "a@example.com", None),
        ({"auto-submitted": "auto-generated"}, "a@example.com", "auto_submitted"),
        ({"return-path": "<>"}, "a@example.com", "null_sender"),
        ({"content-type": "multipart/report; x=y"}, "a@example.com", "report"),
        ({"precedence": "Bulk"}, "a@example.com", "precedence"),
        ({"x-auto-response-suppress": "OOF"}, "a@example.com", "sent_by_a_program"),
        ({}, "mailer-daemon@example.com", "nobody"),
        ({}, "bounces+123@example.com", "nobody"),
        ({}, "noreplyman@example.com", None),
        ({}, "HELP@shop.example", "loop"),
    ],
)
def test_what_nobody_wrote(headers: dict[str, str], sender: str, reason: str | None) -> None:
    assert rules.automatic(headers, sender=sender, own=["help@shop.example"]) == reason


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("Re: Re: export", "export"),
        ("回复：答复: 导出", "导出"),
        ("AW: SV: x", "x"),
        ("Re[2]: x", "x"),
        ("Refund", "Refund"),
        ("re:", None),
        ("  ", None),
        ("two\n lines", "two lines"),
    ],
)
def test_subjects_lose_what_programs_put_before_them(text: str, subject: str | None) -> None:
    assert rules.subject_of(text) == subject


def test_what_a_mail_answers_is_told_the_nearest_first() -> None:
    assert rules.answered({"in-reply-to": "<3@x>", "references": "<1@x> <2@x>\n <3@x>"}) == ["3@x", "2@x", "1@x"]
    assert rules.answered({"references": "no ids"}) == []
    assert len(rules.answered({"references": " ".join(f"<{number}@x>" for number in range(500))})) == rules.REFERENCES


@pytest.mark.parametrize(
    ("claimed", "text", "locale"),
    [
        ("de-CH", "x", "de-CH"),
        ("nonsense!", "导出", "zh-CN"),
        (None, "匯出報表時沒有回應", "zh-TW"),
        (None, "できません", "ja"),
        (None, "안녕", "ko"),
        (None, "hello", None),
    ],
)
def test_the_language_of_a_mail(claimed: str | None, text: str, locale: str | None) -> None:
    assert rules.locale_of(claimed, text) == locale


@given(st.text(alphabet="a>\n -_在写道：On wrote:发件人", max_size=400))
def test_something_is_left_of_whatever_says_something(words: str) -> None:
    left = rules.without_quotes(words)
    assert bool(left.strip()) == bool(words.strip())


@pytest.mark.parametrize("unit", ["On x ", "在", "> ", "-", "_", "发件人:\n", "On a\n", "From: a\n", "\n", "写道"])
def test_quotes_are_looked_for_in_time_that_grows_with_the_text(unit: str) -> None:
    began = time.process_time()
    rules.without_quotes(unit * (200_000 // len(unit)))
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "raw",
    [
        mail("On " + "x " * 3_900, **ANSWERS),
        HEAD + b"Content-Type: text/html\n\n" + b"<div>" * 100_000,
        HEAD + b"References: " + b"<a@x> " * 100_000 + b"\n\nx",
        HEAD + b"Subject: " + b"=?utf-8?q?=41?= " * 50_000 + b"\n\nx",
        HEAD + b"X: y\n" * 100_000 + b"\nx",
        HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 50_000,
        b"From: " + b"(" * 100_000 + b"a@example.com\n\nx",
        b"\0" * 100_000,
    ],
)
async def test_mails_that_mean_ill_end_in_time(raw: bytes) -> None:
    began = time.monotonic()
    letter = await LetterReader(seconds=30).read(raw)
    assert time.monotonic() - began < 40
    assert letter is None or len(letter.text) <= 50_000


async def test_a_mail_that_takes_too_long_is_not_read() -> None:
    assert await LetterReader(seconds=0.01).read(mail("x")) is None
