"""How alike two posts are: the same words are 1, and what contradicts is less."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_feedback.indexing.rules import Candidate, Rarity
from opsloop_feedback.similar import rules
from opsloop_feedback.terms.rules import read

RARITY = Rarity(1_000, {"=export": 50, "=report": 40, "=crash": 100, "app": 500})


def candidate(text, title=None, at=1):
    terms = read(text, title)
    return Candidate(UUID(int=at), terms.all, terms.in_title, terms.is_denial)


def alike(one, other, *, title=None):
    found = rules.matches(read(one), [candidate(other, title)], RARITY, limit=5)
    return found[0].score if found else 0.0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("导出报表", "报表导出"),
        ("Export the report", "exporting reports"),
        ("导出报表", "Export the report"),
        ("匯出報表", "报表导出"),
    ],
)
def test_what_says_the_same_is_one(one, other):
    assert alike(one, other) == 1.0


@pytest.mark.parametrize(
    ("asked", "nearer", "farther"),
    [
        ("能导出报表吗", "希望导出报表", "不能导出报表"),
        ("App crashes on iOS", "The app crashed on my iPhone", "The app crashed on Android"),
        ("export report as PDF", "report export to PDF", "report export to CSV"),
        ("crash in 5.1", "crashed in 5.1", "crashed in 5.2"),
        ("用微信付款失败", "微信支付失败", "支付宝支付失败"),
        ("Chrome shows a blank page", "blank page in Chrome", "blank page in Safari"),
        ("导出报表", "导出报表很慢", "导出图表很慢"),
        ("upload fails", "uploading failed", "downloading failed"),
    ],
)
def test_what_contradicts_is_farther(asked, nearer, farther):
    assert alike(asked, nearer) > alike(asked, farther)


def test_what_shares_nothing_is_not_there():
    assert rules.matches(read("导出报表"), [candidate("登录闪退")], RARITY, limit=5) == []


def test_the_title_says_more_than_the_body():
    assert alike("crash", "the app is slow", title="Crash") > alike("crash", "the app is slow, crash")


def test_the_best_come_first_up_to_the_limit_with_what_both_say():
    found = rules.matches(
        read("导出报表到 Excel 失败"),
        [candidate("导出失败", at=1), candidate("导出报表到 Excel 失败了", at=2), candidate("报表", at=3)],
        RARITY,
        limit=2,
    )

    assert [match.feedback_id.int for match in found] == [2, 1]
    assert found[1].shared == ["失败", "导出"] or set(found[1].shared) == {"失败", "导出"}
    assert found[0].score > found[1].score


def test_reasons_are_so_many_at_most_and_in_the_words_of_the_question():
    long = "导出 报表 登录 支付 退款 发票 订单 优惠券 快递 地址"

    [match] = rules.matches(read(long), [candidate(long)], RARITY, limit=1)

    assert len(match.shared) == rules.SHOWN_TERMS
    assert set(match.shared) <= set(long.split())


def test_equals_are_in_a_firm_order():
    both = [candidate("导出报表", at=1), candidate("导出报表", at=2)]

    assert [match.feedback_id.int for match in rules.matches(read("导出报表"), both, RARITY, limit=5)] == [2, 1]
    assert [match.feedback_id.int for match in rules.matches(read("导出报表"), both[::-1], RARITY, limit=5)] == [2, 1]


words = st.lists(
    st.sampled_from(
        ["导出", "报表", "登录", "闪退", "不能", "5.1", "5.2", "iOS", "Android", "slow", "fast", "卡", "pdf", "excel"]
    ),
    max_size=8,
)


@given(words, words)
def test_scores_lie_between_nothing_and_one(one, other):
    for match in rules.matches(read(" ".join(one)), [candidate(" ".join(other))], RARITY, limit=1):
        assert 0 < match.score <= 1
        assert match.shared
