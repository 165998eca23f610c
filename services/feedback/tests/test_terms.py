"""What a text is found by: the same for what is stored and for what is asked."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_feedback.terms.rules import (
    ASKED_TERMS,
    MOST_TERMS,
    READ_CHARACTERS,
    TERM_CHARACTERS,
    asked,
    likeness,
    read,
    spans,
    vocabulary,
)
from opsloop_feedback.terms.stems import stem


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("登录失败", "登陆失敗"),
        ("The app crashed", "App crashes"),
        ("ＥＸＰＯＲＴ　ｒｅｐｏｒｔ", "exporting reports"),
        ("無法匯出報表", "导出报表失败"),
        ("cannot sign in", "无法登录"),
        ("深色模式", "Dark mode"),
        ("I am logged out", "logging out"),
    ],
)
def test_what_says_the_same_has_the_same_terms(one, other):
    assert set(read(one).all) == set(read(other).all)


@pytest.mark.parametrize(
    ("word", "left"),
    [
        ("crashes", "crash"),
        ("crashed", "crash"),
        ("crashing", "crash"),
        ("exports", "export"),
        ("stopped", "stop"),
        ("tries", "try"),
        ("tried", "try"),
        ("saving", "sav"),
        ("save", "sav"),
        ("uses", "use"),
        ("use", "use"),
        ("address", "address"),
        ("status", "status"),
        ("news", "news"),
        ("during", "during"),
        ("user's", "user"),
        ("free", "free"),
        ("boxes", "box"),
        ("café", "café"),
        ("ios", "ios"),
        ("falling", "fall"),
    ],
)
def test_english_words_lose_their_endings(word, left):
    assert stem(word) == left


@pytest.mark.parametrize(
    ("text", "is_denial"),
    [
        ("能不能导出", False),
        ("不能导出", True),
        ("导出失败", True),
        ("export works", False),
        ("it doesn't export", True),
        ("not what I want", True),
        ("It never saves", True),
        ("without any problem", True),
        ("特别好用", False),
        ("识别很准", False),
        ("是不是可以导出", False),
        ("no way to export", True),
        ("now it works", False),
        ("导出得不错", False),
        ("notice the export", False),
        ("没有崩溃", True),
        ("有没有导出", False),
    ],
)
def test_what_denies_is_told_from_what_asks(text, is_denial):
    assert read(text).is_denial is is_denial


def test_versions_stay_whole_and_titles_come_first():
    found = read("since 5.2.1 the chart is gone", "Chart 中文图表")

    assert found.numbers == {"5.2.1"}
    assert found.all[: found.in_title][0] == "=chart"
    assert found.in_title < len(found.all)


def test_words_of_a_workspace_are_no_longer_cut_and_join_what_is_known():
    by = vocabulary((("飞鸽盘", "pigeon drive"), ("蹦了", "闪退")))

    assert read("飞鸽盘打不开", by=by).all[0] == read("Pigeon Drive", by=by).all[0]
    assert set(read("又蹦了", by=by).all) >= set(read("crash", by=by).all)
    assert "=飞鸽盘" not in read("飞鸽盘打不开").all


@pytest.mark.parametrize(
    ("one", "other", "is_repeat"),
    [
        ("支付失败，重复扣款！", "支付失敗 重复扣款", True),
        ("The export fails.", "the EXPORT fails", True),
        ("The export fails on 5.1", "The export fails on 5.2", False),
        ("不能导出报表到表格", "能导出报表到表格吧", False),
    ],
)
def test_repeats_are_alike_whatever_their_signs(one, other, is_repeat):
    assert (likeness(one, None, about=[None]) == likeness(other, None, about=[None])) is is_repeat


def test_short_texts_and_other_areas_are_no_repeats():
    assert likeness("闪退了！！！", None, about=[None]) is None
    assert likeness("The export fails.", None, about=["web"]) != likeness("The export fails.", None, about=["app"])


@given(st.text(max_size=300), st.text(max_size=60))
def test_terms_are_bounded_and_come_out_the_same(body, title):
    found = read(body, title or None)

    assert found == read(body, title or None)
    assert len(found.all) <= MOST_TERMS
    assert 0 <= found.in_title <= len(found.all)
    assert all(found.all)


def test_of_a_long_text_the_beginning_is_read():
    assert read("字典里有 " * READ_CHARACTERS + "结尾").all == read("字典里有 " * READ_CHARACTERS).all


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("登录失败", [(0, 4)]),
        ("我登录的时候失败", [(1, 3), (6, 8)]),
        ("ＬＯＧ ＩＮ", [(0, 6)]),
        ("nothing of it", []),
        ("無法登錄", [(0, 4)]),
        ("ﬁx: I can't sign in", [(6, 11), (12, 19)]),
        ("", []),
        ("登录登录", [(0, 4)]),
    ],
)
def test_places_are_those_of_the_text_as_it_was_written(text, wanted):
    assert spans(text, ["=log in", "=fail"]) == wanted


@given(st.text(alphabet="登录失败导出的了 abİß①ﬁ½\u0301\u200b", max_size=60))
def test_places_lie_within_the_text_in_order_and_apart(text):
    found = spans(text, read(text).all)

    assert all(0 <= start < end <= len(text) for start, end in found)
    assert all(one[1] < other[0] for one, other in pairwise(found))


@pytest.mark.parametrize("text", ["x" * 3_000, "9" * 3_000, "中" * 3_000, "a'b" * 1_000, "ก" * 3_000, "é" * 3_000])
def test_no_term_is_longer_than_an_index_takes(text):
    assert all(len(term) <= TERM_CHARACTERS + 1 for term in read(text, text).all)
    assert all(len(term) <= TERM_CHARACTERS + 1 for term in asked(text))
    assert len(asked(text)) <= ASKED_TERMS


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("사용자 로그인 실패", "사용자"),
        ("ログインできません", "ログ"),
        ("не работает экспорт", "экспорт"),
        ("تسجيل الدخول", "الدخول"),
        ("الدخول", "الدخول"),
        ("naïve café", "café"),
    ],
)
def test_other_scripts_have_their_words_too(text, is_found):
    assert any(is_found in term or term in is_found for term in read(text).all)


def test_of_a_long_text_the_end_is_compared_as_it_is():
    long = "导出失败 Export fails. " * 600

    assert likeness(long, None, about=[None]) == likeness(long.upper()[:4_000] + long[4_000:], None, about=[None])
    assert likeness(long + "x", None, about=[None]) != likeness(long + "y", None, about=[None])
    assert likeness(long + "x", None, about=[None]) != likeness(long, None, about=[None])
