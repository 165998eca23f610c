"""The rules of a form's page: languages, showings, answers."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_feedback.form_pages import rules
from opsloop_feedback.form_pages.rules import Fate, Showing
from opsloop_feedback.form_pages.words import FLAWS, KINDS, RATINGS, WORDS

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
FORM = UUID(int=1)


def sign(said):
    return said[::-1].ljust(32, b"=")[:32]


def asks(ask, name=None, options=(), *, required=False):
    values = [{"value": value, "label": {"en": value}} for value in options]
    return {"ask": ask, "name": name, "label": None, "required": required, "options": values}


@pytest.mark.parametrize(
    ("locales", "wanted", "accepted", "found"),
    [
        (["zh", "en"], None, "", ["zh", "en"]),
        (["en", "zh"], None, "", ["en", "zh"]),
        (["en", "zh"], None, "zh", ["zh", "en"]),
        (["en", "zh"], "en", "zh", ["en", "zh"]),
        (["zh", "en"], None, "de, en;q=0.3, zh-TW;q=0.2", ["en", "zh"]),
        (["zh", "en"], None, "en;q=0", ["zh", "en"]),
        (["zh"], "en", "en", ["zh"]),
        (["zh", "en"], "de", "*;q=1", ["zh", "en"]),
        (["zh", "en"], None, "en;q=9," * 1000, ["zh", "en"]),
        (["zh", "en"], None, "fr," * 20 + "en", ["zh", "en"]),
    ],
)
def test_languages_of_a_page(locales, wanted, accepted, found):
    assert rules.languages(locales, wanted, accepted) == found


@pytest.mark.parametrize(
    ("after", "trap", "said"),
    [
        (timedelta(seconds=1.9), "", Fate.TOO_FAST),
        (timedelta(seconds=2), "", Fate.TAKEN),
        (timedelta(hours=24), "", Fate.TAKEN),
        (timedelta(hours=24, seconds=1), "", Fate.TOO_OLD),
        (timedelta(seconds=-5), "", Fate.TOO_FAST),
        (timedelta(seconds=60), "x", Fate.HONEYPOT),
        (timedelta(days=60), "x", Fate.HONEYPOT),
    ],
)
def test_what_becomes_of_what_is_sent(after, trap, said):
    assert rules.fate(Showing(NOW, "0" * 32), trap, NOW + after) is said
    assert rules.fate(None, trap, NOW + after) is (Fate.HONEYPOT if trap else Fate.TOO_OLD)


def test_a_showing_is_read_as_it_was_written_and_of_its_form_alone():
    showing = Showing(NOW, "ab" * 16)
    token = rules.token_of(showing, FORM, sign)

    assert rules.read_token(token, FORM, sign) == showing
    assert rules.read_token(token, UUID(int=2), lambda said: sign(said + b"x")) is None
    assert rules.read_token(token, FORM, lambda said: b"x" * 32) is None
    assert rules.read_token("f" + token, FORM, sign) is None


@given(st.text(max_size=120) | st.from_regex(r"[0-9a-f]{1,14}\.[0-9a-f]{32}\.[0-9a-f]{64}", fullmatch=True))
def test_no_text_is_a_showing(text):
    assert rules.read_token(text, FORM, sign) is None


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3))
def test_a_reference_is_that_of_the_words_and_of_the_showing(typed):
    first = rules.reference(Showing(NOW, "0" * 32), typed, sign)

    assert rules.read_reference(first) == first
    assert first == rules.reference(Showing(NOW, "0" * 32), dict(reversed(typed.items())), sign)


def test_references_differ():
    def digest(said):
        return UUID(int=hash(said) % 2**128).bytes * 2

    typed = [{"body": "a"}, {"body": "b"}, {"body": "a", "title": "a"}]
    showings = [Showing(NOW, letter * 32) for letter in "01"]
    assert len({rules.reference(showing, one, digest) for one in typed for showing in showings}) == 6


@pytest.mark.parametrize(
    "text", ["", "ABCD-ABCD-ABCD-ABC", "abcd-abcd-abcd-abcd", "ABCD-ABCD-ABCD-ABCD-ABCD", "ABCDABCDABCDABCD"]
)
def test_what_is_no_reference(text):
    assert rules.read_reference(text) is None


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        (asks("title"), "  Hello ", {"title": "Hello"}),
        (asks("title"), "", {}),
        (asks("title"), "   ", {}),
        (asks("title"), "a\x07b", {"title": "ab"}),
        (asks("rating"), "5", {"rating": 5}),
        (asks("rating"), "", {}),
        (asks("kind"), "bug", {"kind": "bug"}),
        (asks("name"), "李雷", {"name": "李雷"}),
        (asks("email"), "li@example.com", {"email": "li@example.com"}),
        (asks("text", "order"), "A-17", {"answers": {"order": "A-17"}}),
        (asks("choice", "plan", "ab"), "b", {"answers": {"plan": "b"}}),
        (asks("choice", "plan", "ab"), "", {}),
        (asks("yes", "again"), "yes", {"answers": {"again": True}}),
        (asks("yes", "again"), "", {"answers": {"again": False}}),
        (asks("text", "body"), "x", {"answers": {"body": "x"}}),
    ],
)
def test_what_an_answer_comes_to(field, text, said):
    key = f"own.{field['name']}" if field["name"] else field["ask"]
    answers = rules.read_answers([field], {"body": "It fails.", key: text})

    assert answers.flaws == {}
    assert answers.said == {"body": "It fails."} | said
    assert answers.typed == {"body": "It fails.", key: text}


@pytest.mark.parametrize(
    ("field", "text", "flaw"),
    [
        (asks("title", required=True), " ", "missing"),
        (asks("title"), "\u200b\u200b", "unreadable"),
        (asks("rating"), "6", "unchosen"),
        (asks("rating"), "05", "unchosen"),
        (asks("rating", required=True), "", "unchosen"),
        (asks("kind"), "rant", "unchosen"),
        (asks("email"), "li", "address"),
        (asks("email"), "li@localhost", "address"),
        (asks("email"), "li@example.com, b@example.com", "address"),
        (asks("choice", "plan", "ab"), "c", "unchosen"),
        (asks("choice", "plan", "ab", required=True), "", "unchosen"),
        (asks("yes", "again", required=True), "", "unticked"),
    ],
)
def test_what_no_answer_can_be(field, text, flaw):
    key = f"own.{field['name']}" if field["name"] else field["ask"]
    answers = rules.read_answers([field], {"body": "It fails.", key: text})

    assert answers.flaws == {key: FLAWS[flaw]}
    assert answers.typed[key] == text


@pytest.mark.parametrize(("ask", "most"), [("title", 300), ("name", 200), ("email", 254)])
def test_how_long_an_answer_may_be(ask, most):
    longest = "x" * most if ask != "email" else "x" * 60 + "@" + ".".join(["y" * 60] * 3) + ".example"
    assert rules.read_answers([asks(ask)], {"body": "b", ask: longest}).flaws == {}
    flaw = rules.read_answers([asks(ask)], {"body": "b", ask: "x" * (most + 1)}).flaws[ask]
    assert str(most) in flaw[0]
    assert str(most) in flaw[1]


def test_line_ends_are_those_that_people_see():
    answers = rules.read_answers([], {"body": "a\r\nb\r\n\r\nc"})

    assert answers.said["body"] == "a\nb\n\nc"


def test_what_is_not_asked_is_not_read():
    answers = rules.read_answers([asks("title")], {"body": "b", "rating": "5", "own.order": "1", "tags": "x"})

    assert answers.said == {"body": "b"}


@pytest.mark.parametrize("words", [WORDS, FLAWS, RATINGS, KINDS])
def test_everything_is_said_in_both_languages(words):
    for english, chinese in words.values():
        assert english.isascii()
        assert any("\u4e00" <= sign <= "\u9fff" for sign in chinese)
