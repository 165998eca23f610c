"""What is signed of a mail, in which form; dkimpy, which is none of ours, verifies it with keys from a DNS of our own."""

from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop_notifications.dkim.rules import (
    DOMAIN,
    LINE_CHARACTERS,
    OVERSIGNED,
    SELECTOR,
    record,
    relaxed_body,
    signature,
    zone_line,
)
from opsloop_notifications.mail.writing import write

AT = datetime(2026, 11, 27, 8, tzinfo=UTC)
RSA, ED = generate_private_key(65537, 2048), Ed25519PrivateKey.generate()
PUBLIC = {
    "rsa-sha256": b64encode(RSA.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode(),
    "ed25519-sha256": b64encode(ED.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode(),
}
SIGN = {
    "rsa-sha256": lambda said: RSA.sign(said, PKCS1v15(), SHA256()),
    "ed25519-sha256": lambda said: ED.sign(sha256(said).digest()),
}
BOTH = pytest.mark.parametrize("algorithm", SIGN)


def signed(content, algorithm="rsa-sha256", domain="example.test", selector="s1"):
    line = signature(content, domain=domain, selector=selector, algorithm=algorithm, sign=SIGN[algorithm])
    return line + content


def is_valid(mail, algorithm="rsa-sha256"):
    """Ask dkimpy, with our record as what DNS says."""

    def dns(name, timeout=5):
        assert name == b"s1._domainkey.example.test."
        return record(PUBLIC[algorithm], algorithm).encode()

    return dkim.verify(mail, dnsfunc=dns)


def mail(subject="We are on it", body="We saw the crash.\n", **given):
    about = {"sender": "Ops <ops@example.test>", "recipient": "u1@example.test", "id": "0198f7a2", "sent_at": AT}
    return write(**about | {"subject": subject, "body": body} | given).content


WITH_LINK = {"unsubscribe": "https://ops.example.test/p/acme/unsubscribe?token=" + "t" * 120, "html": "<p>支付</p>"}


@BOTH
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"body": ""},
        {"body": "\n\n\n"},
        {"body": "two  spaces \t and tabs\t\n\n\nlast\n\n"},
        {"subject": "我们正在处理：支付失败" * 5, "body": "我们已经发现问题。\n" * 50},
        WITH_LINK,
        {"recipient": "用户@例子.测试"},
    ],
)
def test_every_mail_of_ours_is_verified(algorithm, given):
    content = mail(**given)

    assert is_valid(signed(content, algorithm), algorithm)
    assert signed(content, algorithm) == signed(content, algorithm), "a repeated mail is the same"


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=80), st.text(alphabet=" \t\n\ra.é支=-", max_size=300))
def test_whatever_it_says(subject, body):
    assert is_valid(signed(mail(" ".join(subject.split()) or "x", body), "ed25519-sha256"), "ed25519-sha256")


@BOTH
def test_what_was_changed_or_added_on_the_way_is_seen(algorithm):
    good = signed(mail(**WITH_LINK), algorithm)
    head, _, body = good.partition(b"\r\n\r\n")

    for name in OVERSIGNED:
        assert not is_valid(good.replace(b"\r\nFrom:", b"\r\n" + name.encode() + b": x\r\nFrom:", 1), algorithm), name
    for before, after in (
        (b"List-Unsubscribe=One-Click", b"List-Unsubscribe=Other"),
        (b"https://ops.example.test", b"https://evil.example.test"),
        (b"Subject: We", b"Subject: He"),
        (b"u1@example.test", b"u2@example.test"),
    ):
        assert before in head
        assert not is_valid(good.replace(before, after), algorithm), before
    assert not is_valid(head + b"\r\n\r\n" + body.replace(b"crash", b"party"), algorithm)
    assert not is_valid(good + b"more\r\n", algorithm)


@BOTH
def test_what_servers_do_to_spaces_is_outlived(algorithm):
    good = signed(mail(**WITH_LINK), algorithm)

    assert is_valid(good.replace(b"Subject: We are", b"Subject:  We \r\n\tare"), algorithm)
    assert is_valid(good + b"\r\n\r\n", algorithm)
    assert is_valid(b"Received: from a by b\r\n" + good, algorithm)


def test_the_links_to_leave_are_signed():
    line = signature(
        mail(**WITH_LINK), domain="example.test", selector="s1", algorithm="rsa-sha256", sign=SIGN["rsa-sha256"]
    )
    names = line.partition(b"h=")[2].partition(b";")[0].decode().replace("\r\n ", "").split(":")

    assert names.count("list-unsubscribe") == names.count("list-unsubscribe-post") == 2, "RFC 8058, 4, and once more"
    assert names.count("from") == 2
    assert names.count("cc") == 1, "not there, and so signed as nothing"
    assert set(OVERSIGNED) <= set(names)


def test_the_line_is_folded():
    for about in ({}, WITH_LINK):
        line = signature(
            mail(**about), domain="example.test", selector="s1", algorithm="rsa-sha256", sign=SIGN["rsa-sha256"]
        )
        lines = line.decode().split("\r\n")
        assert lines.pop() == ""
        assert lines[0].startswith("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;")
        assert all(each.startswith(" ") and each.strip() for each in lines[1:])
        assert max(map(len, lines)) <= LINE_CHARACTERS + 1


@pytest.mark.parametrize(
    ("body", "relaxed"),
    [
        (b"", b""),
        (b"\r\n\r\n", b""),
        (b" \r\n", b""),
        (b"a \t b  \r\n\r\n\r\n", b"a b\r\n"),
        (b"a", b"a\r\n"),
        (b"\r\na\r\n", b"\r\na\r\n"),
    ],
)
def test_relaxed_bodies(body, relaxed):
    assert relaxed_body(body) == relaxed


def test_a_record_is_one_line_of_strings_that_fit():
    said = record(PUBLIC["rsa-sha256"], "rsa-sha256")
    line = zone_line("example.test", "s1", said)
    name, _, strings = line.partition(" IN TXT ")
    pieces = strings.strip("() ").split('" "')

    assert name == "s1._domainkey.example.test."
    assert "".join(piece.strip('"') for piece in pieces) == said
    assert said.startswith("v=DKIM1; k=rsa; p=")
    assert len(pieces) > 1
    assert all(len(piece.strip('"')) <= 255 for piece in pieces)
    assert record("AAAA", "ed25519-sha256") == "v=DKIM1; k=ed25519; p=AAAA"


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (
            DOMAIN,
            ("example.com", "a.b.c", "xn--fiq.cn"),
            ("localhost", "", "-a.b", "a..b", "a.b-", "A.B", "a.b\n", "a;b.c"),
        ),
        (SELECTOR, ("s1", "2026-11", "a.b", "X"), ("", "-a", "a-", "a;b", "a b", "s" * 64, "a\n", ".a")),
    ],
)
def test_names(pattern, good, bad):
    assert all(pattern.fullmatch(each) for each in good)
    assert not any(pattern.fullmatch(each) for each in bad)
