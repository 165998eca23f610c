"""A mail says what was meant and nothing else, whatever texts it is made of."""

import email
import email.header
import email.policy
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from opsloop_common.mailboxes import ADDRESS_PATTERN, address_flaw
from opsloop_notifications.mail.rules import one_line
from opsloop_notifications.mail.writing import (
    CONTENT_TYPE,
    HTML_TYPE,
    NAMES,
    THREAD,
    BadMail,
    Thread,
    require_ours,
    write,
)

AT = datetime(2026, 11, 22, 8, tzinfo=UTC)
FIXED = {"sender": "OpsLoop <ops@product.test>", "recipient": "u1@example.test", "id": "01", "sent_at": AT}
TEXTS = (
    st.text(max_size=300)
    | st.text(alphabet='=?utf-8qb=0A=0D_\r\n: <>@,;"\\()ü件', max_size=300)
    | st.sampled_from(
        [
            "=?utf-8?q?Hello=0ABcc:_victim=40example.net?=",
            "=?utf-8?q?=0D=0AContent-Type:_text/html=0D=0A=0D=0A<a_href=...>?=",
            "=?utf-8?b?SGVsbG8KQmNjOiB2aWN0aW1AZXhhbXBsZS5uZXQ=?=",
            "a\r\nBcc: victim@example.net",
            "a\x0bBcc: x\x0c\x1c\x85\u2028\u2029y",
            "." + "\r\n." * 5,
            "From here\n.\nend",
            "x" * 3000,
            "支付失败" * 200,
        ]
    )
)
SENDERS = st.builds(
    "{} <{}>".format,
    # the operator names the sender, with a name that is plain to see
    TEXTS.map(lambda text: "".join(char for char in one_line(text) if char.isprintable() and char not in "<>")),
    st.just("ops@p.test"),
)


def storable(text: str) -> str:
    return text.encode(errors="replace").decode().replace("\0", "")


def read_back(content: bytes) -> tuple[list[str], str, str]:
    """Read with the standard library's older reader, which shares no code with the writer; return names, subject, body."""
    message = email.message_from_bytes(content)
    subject = str(email.header.make_header(email.header.decode_header(message["Subject"])))
    return message.keys(), subject, message.get_payload(decode=True).decode()


@given(subject=TEXTS.map(storable), body=TEXTS.map(storable), sender=SENDERS)
@example(subject="", body="", sender="ops@p.test")
@example(subject=" =?", body="\n", sender='"Ops, Inc." <ops@p.test>')
@example(subject="a  b", body="a \r b\t", sender="运营 <ops@p.test>")
def test_whatever_is_said_the_mail_has_our_headers_and_the_very_text(subject, body, sender):
    subject = one_line(subject)

    mail = write(**FIXED | {"sender": sender}, subject=subject, body=body)

    names, read_subject, read_body = read_back(mail.content)
    lines = body.replace("\r\n", "\n").replace("\r", "\n")
    assert names == list(NAMES)
    assert read_subject == subject
    assert read_body.replace("\r\n", "\n") == (lines if lines.endswith("\n") else lines + "\n")
    modern = email.message_from_bytes(mail.content, policy=email.policy.default)
    assert [found.addr_spec for found in modern["To"].addresses] == ["u1@example.test"]
    assert [found.addr_spec for found in modern["From"].addresses] == ["ops@p.test"]
    assert modern["From"].addresses[0].display_name.replace(" ", "") == (
        sender.removesuffix("ops@p.test").removesuffix("<ops@p.test>").strip().strip('"').replace(" ", "")
    )
    assert (modern["Content-Type"], modern["Bcc"], modern["Message-ID"]) == (
        CONTENT_TYPE.replace("charset=utf-8", 'charset="utf-8"'),
        None,
        "<01@p.test>",
    )
    assert all(len(line) <= 78 or line.startswith(b"From:") for line in mail.content.split(b"\r\n"))
    assert mail == write(**FIXED | {"sender": sender}, subject=subject, body=body)


@pytest.mark.parametrize(
    ("reply_to", "references", "headers"),
    [
        ("reply+a@p.test", ["<1@a.test>", "<2@a.test>"], ["reply+a@p.test", "<2@a.test>", "<1@a.test>\r\n <2@a.test>"]),
        ("reply+a@p.test", [], ["reply+a@p.test", None, None]),
        (
            None,
            ["<1@a.test>", "2@a.test", "<3\r\nBcc: v@evil.test>", "<=?utf-8?q?a?=>", "<>"],
            [None, *["<1@a.test>"] * 2],
        ),
        (None, ["<" + "x" * 251 + ">"], [None, None, None]),
    ],
)
def test_a_mail_in_a_thread_names_it_and_nothing_else(reply_to, references, headers):
    mail = write(**FIXED, subject="s", body="b", thread=Thread(reply_to, references))

    read = email.message_from_bytes(mail.content)
    assert [read[name] for name in THREAD] == headers
    assert read["Auto-Submitted"] == "no"
    assert set(read.keys()) <= {*NAMES, *THREAD}
    require_ours(mail)


@pytest.mark.parametrize("reply_to", ["a@b.test, c@d.test", "a", "a@b.test\r\nBcc: c@d.test"])
def test_answers_go_to_one_plain_address(reply_to):
    with pytest.raises(BadMail):
        write(**FIXED, subject="s", body="b", thread=Thread(reply_to, []))


@given(st.from_regex(ADDRESS_PATTERN))
@example("用户@例子.中国")
@example("josé@example.es")
@example("=?utf-8?q?victim=40evil.example=2C?=@example.com")
def test_the_header_names_whom_the_envelope_names(address):
    try:
        mail = write(**FIXED | {"recipient": address}, subject="s", body="b")
    except BadMail:
        return
    assert address_flaw(address) is None
    (read,) = email.message_from_string(mail.content.decode(), policy=email.policy.SMTPUTF8)["To"].addresses
    assert read.addr_spec == mail.recipient
    assert read.username == address.rpartition("@")[0]
    assert mail.is_international is not address.rpartition("@")[0].isascii()


@pytest.mark.parametrize(
    "flawed",
    [
        lambda content: content.replace(b"Subject: s\r\n", b"Subject: s\r\nBcc: v@example.net\r\n"),
        lambda content: content.replace(b"Subject: s\r\n", b"Subject: s\nBcc: v@example.net\r\n"),
        lambda content: content.replace(b"Subject: s\r\n", b""),
        lambda content: content.replace(b"Subject: s\r\n", b"Subject: s\r\nSubject: t\r\n"),
        lambda content: content.replace(b"Subject: s\r\n", b"Subject: s\r\n: t\r\n"),
        lambda content: content.replace(b"Subject: s\r\n", b"Subject: " + b"s" * 1000 + b"\r\n"),
        lambda content: content.replace(b"To: u1@", b"To: victim@evil.example, u1@"),
        lambda content: content.replace(b"<ops@product.test>", b"<else@product.test>"),
        lambda content: content.replace(b"text/plain", b"text/html"),
        lambda content: content + b"\r",
        lambda content: content + b"\xff",
        lambda content: content + b"\0",
        lambda content: content.partition(b"\r\n\r\n")[0],
    ],
)
def test_finished_bytes_that_are_not_ours_do_not_go_out(flawed):
    mail = write(**FIXED, subject="s", body="b")
    require_ours(mail)

    changed = replace(mail, content=flawed(mail.content))

    assert changed != mail
    with pytest.raises(BadMail):
        require_ours(changed)


@pytest.mark.parametrize("text", ["\ud800", "a\ud800b"])
def test_what_cannot_be_written_is_refused(text):
    with pytest.raises(ValueError, match="surrogates"):
        write(**FIXED, subject="s", body=text)


@given(body=TEXTS.map(storable), html=TEXTS.map(storable))
@example(body="a", html="<p>--=_01</p>\n--=_01--\n")
@example(body="--=_01\nContent-Type: text/html", html="")
def test_a_mail_in_two_parts_says_both_and_nothing_else(body, html):
    written = write(subject="Hello", body=body, html=html, **FIXED)

    message = email.message_from_bytes(written.content)
    assert tuple(message.keys()) == NAMES
    assert message.get_content_type() == "multipart/alternative"
    parts = message.get_payload()
    assert [part["Content-Type"] for part in parts] == [CONTENT_TYPE, HTML_TYPE]
    for part, said in zip(parts, (body, html), strict=True):
        lines = said.replace("\r\n", "\n").replace("\r", "\n")
        assert part.get_payload(decode=True).decode() == (lines if lines.endswith("\n") else f"{lines}\n").replace(
            "\n", "\r\n"
        )
    assert written.content == write(subject="Hello", body=body, html=html, **FIXED).content


def test_parts_are_divided_by_an_id_and_nothing_else():
    with pytest.raises(BadMail):
        write(subject="Hello", body="a", html="b", **FIXED | {"id": 'x"\r\n'})


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.replace(b"text/html", b"text/evil"),
        lambda content: content.replace(
            b"--=_01--", b"--=_01\r\nContent-Type: text/html; charset=utf-8\r\n\r\nx\r\n--=_01--"
        ),
        lambda content: content + b"more\r\n",
        lambda content: content.replace(b'boundary="=_01"', b'boundary="=_02"'),
        lambda content: content.replace(b"multipart/alternative", b"multipart/mixed"),
    ],
)
def test_parts_that_are_not_ours_are_seen(change):
    written = write(subject="Hello", body="a", html="<p>b</p>", **FIXED)
    require_ours(written)

    with pytest.raises(BadMail):
        require_ours(replace(written, content=change(written.content)))


LINK = "https://ops.example.test/p/acme/unsubscribe?token=" + "A" * 200


@pytest.mark.parametrize(
    ("link", "names"),
    [
        (None, ()),
        (LINK, ("List-Unsubscribe", "List-Unsubscribe-Post")),
        (LINK.replace("https", "http"), ("List-Unsubscribe",)),
    ],
)
def test_the_link_that_ends_a_topic_stands_in_two_headers_where_it_is_https(link, names):
    written = write(**FIXED, subject="Hello", body="hello", unsubscribe=link)

    read = email.message_from_bytes(written.content)
    assert tuple(read.keys()) == (*NAMES, *names)
    assert [read[name] for name in names] == [f"<{link}>", "List-Unsubscribe=One-Click"][: len(names)]
    assert write(**FIXED, subject="Hello", body="hello", unsubscribe=link) == written


@pytest.mark.parametrize(
    "link", ["https://x.test/\r\nBcc: v@example.net", "https://x.test/\nX: y", "https://" + "x" * 1000]
)
def test_a_link_that_would_be_another_header_is_no_mail(link):
    with pytest.raises(BadMail):
        write(**FIXED, subject="Hello", body="hello", unsubscribe=link)
