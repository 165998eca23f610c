"""Which addresses are plain."""

import re
from email import message_from_string, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from opsloop_common.http.schemas import EmailAddress
from opsloop_common.mailboxes import ADDRESS_PATTERN, address_flaw, read_mailbox

ADDRESS = TypeAdapter(EmailAddress)


@pytest.mark.parametrize(
    "address",
    [
        "name@example.com",
        "first.last+tag@sub.example.co.uk",
        "bounce=user=other.example@lists.example.com",
        "o'hara@example.ie",
        "用户@例子.中国",
        "josé@example.es",
        "user@xn--fsqu00a.xn--fiqs8s",
        "अजय@डाटा.भारत",
        "a" * 64 + "@example.com",
    ],
)
def test_plain_addresses_are_taken(address):
    assert ADDRESS.validate_python(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "=?utf-8?q?victim=40evil.example=2C?=@example.com",
        "=?utf-8?b?dmljdGltQGV2aWwuZXhhbXBsZSw=?=@example.com",
        "user@=?utf-8?q?evil.example?=",
        "a?b@example.com",
        "nobody",
        "a@b",
        "a@@example.com",
        "a@example.com@evil.example",
        ".a@example.com",
        "a.@example.com",
        "a..b@example.com",
        "a@.example.com",
        "a@example.com.",
        "a@-example.com",
        "a@example-.com",
        '"a b"@example.com',
        "a(comment)@example.com",
        "group:a@example.com;",
        "<a@example.com>",
        "@relay.example:a@example.com",
        "a@[127.0.0.1]",
        "a@example.com,b@example.com",
        "a@example.com\r\nBcc: b@example.com",
        "a@example.com\n",
        "a\x00@example.com",
        "a\u2028@example.com",
        "a\u0085@example.com",
        "a\u3000b@example.com",
        "victim＠evil.example，@example.com",
        "victim\u202e@example.com",
        "a\u200b@example.com",
        "a@example。com",
        "a@ｅxample.com",
        "a" * 65 + "@example.com",
        "a@" + "b" * 250 + ".com",
    ],
)
def test_all_others_are_refused(address):
    with pytest.raises(ValidationError) as refused:
        ADDRESS.validate_python(address)
    said = refused.value.errors(include_input=False, include_url=False)[0]["msg"]
    assert said.startswith("Value error, must ")  # in words, no regular expression
    assert address not in said


@given(st.from_regex(ADDRESS_PATTERN) | st.text(alphabet='a@.=?<>,;:"\\()[] \r\nuqtf-8_é＠，', max_size=40))
def test_what_is_taken_is_one_mailbox_to_other_readers_too(address):
    if address_flaw(address) is not None:
        return
    # the standard library's reader of headers, as somebody else's mail program may be
    read = message_from_string(f"To: {address}\r\n\r\n", policy=policy.SMTPUTF8)["To"]

    assert [str(found.addr_spec) for found in read.addresses] == [address]
    assert not re.search(r"[\s<>,;:\"\\()\[\]?\x00-\x1f\x7f]", address)


PLAIN = "must be a plain e-mail address such as name@example.com"
HYPHEN = "must have a domain whose labels neither begin nor end with a hyphen"
DOMAIN = "must have a domain that can exist"
SIGNS = "must consist of letters, digits and the signs that addresses have"


@pytest.mark.parametrize(
    ("address", "flaw"),
    [
        ("nobody", PLAIN),
        ("a" * 65 + "@example.com", PLAIN),
        ("a@-example.com", HYPHEN),
        ("a@sub.example-.com", HYPHEN),
        ("a\u200b@example.com", SIGNS),
        ("a@" + "b" * 62 + ".".join(["", *["b" * 61] * 3, "com"]), None),  # 254 characters
        ("a@" + "b" * 63 + ".".join(["", *["b" * 61] * 3, "com"]), PLAIN),
        ("a@" + "b" * 64 + ".com", DOMAIN),
        ("a@xn--zzzzzz999.com", DOMAIN),
        ("a@ab--cd.com", None),  # reserved in names of other scripts only
        ("a@ex--ample.com", None),
        ("a@r3---sn.example.com", None),
        ("a@xn--bcher-kva.example", None),
        ("a@bücher.example", None),
        ("a@ab--ü.com", DOMAIN),
        ("a@क्\u200dष.com", None),  # a joiner where Indic writing has one (RFC 5892, appendix A)
        ("a@نامه\u200cای.com", None),
        ("a@a\u200db.com", DOMAIN),
        ("a@\u200d.com", DOMAIN),
        ("क्\u200dष@example.com", SIGNS),
        ("a@a_b.com", PLAIN),
        ("a@1.2.3.4", DOMAIN),
        ("a@\u0301b.com", DOMAIN),
        ("\u0301a@example.com", SIGNS),
        ("e\u0301@example.com", SIGNS),  # composed, it is another address to many
        ("中" * 22 + "@example.com", PLAIN),  # 66 octets
        ("ops@localhost", None),  # in this house, as OPSLOOP_MAIL_FROM has it
        *(
            (unseen + "a@example.com", SIGNS)
            for unseen in "\u200b\ufeff\u202e\u00ad\u2060\u034f\u115f\u3164\u180b\ufe0f\uffa0\U000e0100\u2800"
        ),
    ],
)
def test_each_flaw_is_named(address: str, flaw: str | None):
    assert address_flaw(address) == flaw


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("a@example.com", "", "a@example.com"),
        ("  a@example.com  ", "", "a@example.com"),
        ("<a@example.com>", "", "a@example.com"),
        ("OpsLoop <a@example.com>", "OpsLoop", "a@example.com"),
        ('"Ops Loop" <a@example.com>', "Ops Loop", "a@example.com"),
        ("X 用户 X <a@example.com>", "X 用户 X", "a@example.com"),
    ],
)
def test_a_mailbox_has_a_name_or_none(text: str, name: str, address: str):
    assert read_mailbox(text) == (name, address)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "OpsLoop",
        "OpsLoop <>",
        "OpsLoop <nobody>",
        "a <b@example.com> c",
        "a\x07 <a@example.com>",
        "<<a@example.com>>",
    ],
)
def test_what_is_no_mailbox_is_refused(text: str):
    with pytest.raises(ValueError, match=r"^must look like OpsLoop <name@example\.com>$"):
        read_mailbox(text)
