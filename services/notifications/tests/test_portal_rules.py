"""What stands in the address of an endpoint's page, and in which language it is written."""

from itertools import chain, combinations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.errors import Forbidden
from opsloop_notifications.deliveries.models import DeliveryStatus
from opsloop_notifications.portal import rules
from opsloop_notifications.portal.rules import Right
from opsloop_notifications.portal.words import FAILURES, NOTICES, REASONS, SPANS, STATES, WORDS

ID = UUID(int=1)


@pytest.mark.parametrize(
    ("can", "text"),
    [
        ([], "view"),
        (["view"], "view"),
        (["rotate"], "view-rotate"),
        (["pause", "resend"], "view-resend-pause"),
        (["pause", "rotate", "resend", "view"], "view-resend-rotate-pause"),
    ],
)
def test_the_same_rights_are_always_written_alike(can, text):
    assert rules.rights_text({Right(each) for each in can}) == text
    assert rules.subject_of(ID, text) == f"webhook/{ID}/{text}"


def test_all_that_links_may_open_is_known():
    wanted = chain.from_iterable(combinations(Right, count) for count in range(len(Right) + 1))

    assert {rules.subject_of(ID, rules.rights_text(each)) for each in wanted} == set(rules.all_subjects(ID))
    assert len(rules.all_subjects(ID)) == 8


def test_who_may_do_one_thing_may_do_no_other():
    rules.require_right("view-rotate", Right.ROTATE)
    for rights, right in (
        ("view", Right.RESEND),
        ("view-rotate", Right.PAUSE),
        ("", Right.VIEW),
        ("views", Right.VIEW),
    ):
        with pytest.raises(Forbidden):
            rules.require_right(rights, right)


@pytest.mark.parametrize(
    ("wanted", "accepted", "is_chinese"),
    [
        (None, "", False),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", True),
        (None, "en-US,en;q=0.9,zh-CN;q=0.8", False),
        (None, "fr, zh-Hant-TW;q=0.5", True),
        (None, "en;q=0.1, ZH ; q=0.2", True),
        (None, "zh;q=0, en;q=0", False),
        (None, "de-DE", False),
        (None, "zh;q=9", False),
        (None, "*", False),
        (None, ";;;,,,", False),
        ("en", "zh-CN", False),
        ("zh", "en", True),
        ("fr", "zh", True),
        ("", "zh", True),
    ],
)
def test_the_switch_counts_then_what_the_browser_prefers(wanted, accepted, is_chinese):
    assert rules.is_chinese(wanted, accepted) is is_chinese


@given(st.text(max_size=200))
def test_whatever_a_browser_says_some_language_is_found(accepted):
    assert rules.is_chinese(None, accepted) in (True, False)


def test_a_long_wish_is_read_at_once():
    assert rules.is_chinese(None, "zh;" + " " * 50_000 + "q=1," * 10_000) is True
    assert rules.is_chinese(None, "a-" * 50_000) is False


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.com/hook", "https://example.com/hook"),
        ("https://example.com:8443/a/b?token=abc&x=1", "https://example.com:8443/a/b?token=…&x=…"),
        ("https://user:word@example.com/", "https://example.com/"),
        ("https://example.com/?abc", "https://example.com/?abc=…"),
        ("http://[2001:db8::1]/x", "http://[2001:db8::1]/x"),
    ],
)
def test_of_an_address_what_lets_one_in_is_not_shown(url, shown):
    assert rules.shown_url(url) == shown


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("1", True), ("999999999", True), ("", False), ("*", False), ('1", "*', False), ("１", False), ("1" * 10, False)],
)
def test_a_version_is_a_number_and_nothing_more(text, is_one):
    assert rules.is_version(text) is is_one


def test_what_its_owner_disabled_only_the_owner_enables():
    assert [reason for reason in REASONS if not rules.may_resume(reason)] == ["manual"]


def test_a_text_is_cut():
    assert rules.cut("ab") == ("ab", True)
    whole = "汉" * (rules.BODY_SHOWN_CHARACTERS + 1)
    assert rules.cut(whole) == (whole[:-1], False)


def test_everything_is_said_in_both_languages():
    pairs = [*NOTICES.values(), *FAILURES.values(), *REASONS.values(), *SPANS.values(), *WORDS.values()]
    pairs += [tuple(words) for _, *words in STATES.values()]

    for english, chinese in pairs:
        assert english.isascii(), english
        assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese) or english == "Webhook endpoint", chinese


def test_there_are_words_for_all_that_there_is():
    assert set(STATES) == set(DeliveryStatus)
    assert set(SPANS) == set(rules.SPANS)
