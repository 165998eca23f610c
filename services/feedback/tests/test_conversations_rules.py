"""Who a reply goes to, when it counts as out, and by which names answers to it come back."""

from hashlib import sha256
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.contracts.users import mailbox_user_id
from opsloop_feedback.conversations.rules import (
    EMAIL,
    INBOX,
    Delivery,
    Progress,
    Way,
    find_conversation,
    heard,
    references_of,
    reply_address,
    subject_of,
    way_to,
)

ID = UUID(int=7)
LI = mailbox_user_id("acme", "li@example.test")
WAITING, SENT, FAILED = Delivery.WAITING, Delivery.SENT, Delivery.FAILED
BOTH = Progress(WAITING, (EMAIL, INBOX))
MAIL = Progress(WAITING, (EMAIL,))


def sign(plain):
    return sha256(b"key" + plain).digest()


def other_key(plain):
    return sha256(b"other" + plain).digest()


@pytest.mark.parametrize(
    ("user_id", "email", "is_verified", "expected"),
    [
        ("u1", "u1@example.test", True, Way("u1", "u1@example.test", (EMAIL, INBOX))),
        ("u1", None, True, Way("u1", None, (EMAIL, INBOX))),
        (None, "li@example.test", True, Way(LI, "li@example.test", (EMAIL,))),
        # whom a page names may be anybody: neither into their inbox nor where we know that they are reached
        ("u1", "li@example.test", False, Way(LI, "li@example.test", (EMAIL,))),
        ("u1", None, False, None),
        (None, None, True, None),
        # what looks like the name of a mailbox names nobody else
        (LI, None, True, None),
        ("mailbox-x", "li@example.test", True, Way(LI, "li@example.test", (EMAIL,))),
    ],
)
def test_a_reply_goes_where_it_was_asked(user_id, email, is_verified, expected):
    assert way_to("acme", user_id, email, is_verified=is_verified) == expected


@pytest.mark.parametrize(
    ("before", "told", "after"),
    [
        (MAIL, [(EMAIL, None)], Progress(SENT, (), EMAIL)),
        (MAIL, [(EMAIL, "suppressed")], Progress(FAILED, (), None, "suppressed")),
        (MAIL, [("sms", None)], MAIL),
        (MAIL, [(EMAIL, "rejected"), (EMAIL, None)], Progress(FAILED, (), None, "rejected")),
        (MAIL, [(EMAIL, None), (EMAIL, "rejected")], Progress(SENT, (), EMAIL)),
        (BOTH, [(EMAIL, None)], Progress(SENT, (), EMAIL)),
        (BOTH, [(INBOX, None)], Progress(WAITING, (EMAIL,), INBOX)),
        (BOTH, [(INBOX, None), (EMAIL, None)], Progress(SENT, (), EMAIL)),
        (BOTH, [(INBOX, None), (EMAIL, "no_address")], Progress(SENT, (), INBOX, "no_address")),
        (BOTH, [(EMAIL, "no_address"), (INBOX, None)], Progress(SENT, (), INBOX, "no_address")),
        (BOTH, [(EMAIL, "rejected")], Progress(WAITING, (INBOX,), None, "rejected")),
        (BOTH, [(INBOX, "undeliverable"), (EMAIL, "rejected")], Progress(FAILED, (), None, "rejected")),
        (BOTH, [(EMAIL, "rejected"), (INBOX, "undeliverable")], Progress(FAILED, (), None, "rejected")),
    ],
)
def test_it_is_out_when_the_mail_is_or_where_none_goes_when_it_lies_in_the_inbox(before, told, after):
    for channel, failure in told:
        before = heard(before, channel, failure)

    assert before == after


@given(st.lists(st.tuples(st.sampled_from([EMAIL, INBOX, "sms"]), st.sampled_from([None, "no_address"]))))
def test_whatever_is_heard_it_waits_for_something_or_is_settled_for_good(told):
    now = BOTH
    for channel, failure in told:
        before, now = now, heard(now, channel, failure)
        assert before.delivery is WAITING or now == before
        assert (now.delivery is WAITING) == bool(now.waits_for)
        assert now.delivery is not SENT or now.reached is not None
        assert now.delivery is not FAILED or now.failure is not None


@pytest.mark.parametrize(
    ("title", "body", "expected"),
    [
        ("支付失败", "b", "Re: 支付失败 [#7]"),
        (None, "It\n fails\t twice", "Re: It fails twice [#7]"),
        ("RE: again", "b", "RE: again [#7]"),
        ("回复：支付", "b", "回复：支付 [#7]"),
        ("x" * 81, "b", f"Re: {'x' * 79}… [#7]"),
        (None, "", "Re:  [#7]"),
    ],
)
def test_a_mail_is_called_as_what_it_answers(title, body, expected):
    assert subject_of(7, title, body) == expected


def test_an_answer_finds_its_conversation_by_address_or_reference_in_any_case():
    address = reply_address("mail.test", ID, "acme", sign)

    assert address.startswith("reply+")
    assert len(address.partition("@")[0]) <= 64
    for text in (address, address.upper(), f"a@b.test, <{address}>", f"x{reply_address(None, ID, 'acme', sign)}y"):
        assert find_conversation(text, "acme", [other_key, sign]) == ID


def test_names_that_we_did_not_give_name_nothing():
    address = reply_address("mail.test", ID, "acme", sign)
    changed = address[:10] + ("b" if address[10] != "b" else "c") + address[11:]
    lost = f"{' '.join([changed] * 20)} {address}"

    for text in (changed, lost, "reply+@mail.test", "reply+" + "a" * 41 + "@", "", "reply+" + "a" * 50_000):
        assert find_conversation(text, "acme", [sign]) is None
    assert find_conversation(address, "other", [sign]) is None
    assert find_conversation(address, "acme", [other_key]) is None


@given(st.uuids(), st.text(max_size=20))
def test_each_is_found_by_its_own_name_alone(id, workspace):
    assert find_conversation(reply_address(None, id, workspace, sign), workspace, [sign]) == id
    assert find_conversation(reply_address(None, uuid4(), workspace, sign), workspace, [sign]) != id


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (["<1@a.test>", None], ["<1@a.test>"]),
        (["<1@a.test>", "<2@a.test>"], ["<1@a.test>", "<2@a.test>"]),
        (["ticket 7", "<a b@c>", "<a@b>\r\nBcc: <c@d>", "<a@b"], []),
    ],
)
def test_a_mail_refers_to_its_conversation_and_to_mails_alone(known, expected):
    assert references_of("reply+x@mail.test", known) == ["<reply+x@mail.test>", *expected]
