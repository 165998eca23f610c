"""Triage: what a post is about, how bad, how it feels, in Chinese, English and both."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_feedback.triage.rules import searchable, triage
from opsloop_feedback.triage.scanner import CHINESE, EMOJI, ENGLISH
from opsloop_feedback.triage.traditional import SIMPLIFIED

SORTED = [
    # crash, money, data, security: s1
    ("App一打开就闪退，太垃圾了！", "bug", "s1", "crash"),
    ("應用程式一直崩潰", "bug", "s1", "crash"),
    ("支付失败, 扣款两次", "bug", "s1", "payment_failed"),
    ("用微信付款的时候总是报错", "bug", "s1", "payment_failed"),
    ("報表匯出失敗，資料都不見了", "bug", "s1", "data_loss"),
    ("我的笔记全没了", "bug", "s1", "data_loss"),
    ("账号被盗了，怎么办？", "bug", "s1", "security"),
    ("The app crashes every time I open it", "bug", "s1", "crash"),
    ("Payment failed and I was charged twice", "bug", "s1", "payment_failed"),
    ("My card was declined at checkout", "bug", "s1", "payment_failed"),
    ("All my data is gone after the update!!!", "bug", "s1", "data_loss"),
    ("I can see another user's orders, this is a data leak", "bug", "s1", "security"),
    ("the new dashboard 很好用, but export 闪退", "bug", "s1", "crash"),
    ("Please fix the crash on startup", "bug", "s1", "crash"),
    ("希望尽快修复闪退", "bug", "s1", "crash"),
    ("not sure why it crashes", "bug", "s1", "crash"),
    ("不知道为什么一直闪退", "bug", "s1", "crash"),
    # somebody cannot go on: s2
    ("登录不了，收不到验证码", "bug", "s2", "blocked"),
    ("页面打不开", "bug", "s2", "blocked"),
    ("I can’t log in since the update", "bug", "s2", "blocked"),
    ("It just freezes", "bug", "s2", "blocked"),
    ("完全打不开，所有用户都一样", "bug", "s1", "blocks_everybody"),
    ("系统提示错误，请尽快处理", "bug", "s2", "widespread_or_urgent"),
    # something does not work as it should
    ("加载有点慢", "bug", "s3", "default_of_bug"),
    ("The search is slow", "bug", "s3", "default_of_bug"),
    ("There's a typo in the settings page, looks like a bug", "bug", "s4", "trivial"),
    # wishes
    ("希望支持导出报表为 Excel", "idea", "s4", "default_of_idea"),
    ("能不能增加夜间模式？", "idea", "s4", "default_of_idea"),
    ("建议优化一下启动速度", "idea", "s4", "default_of_idea"),
    ("Could you add dark mode?", "idea", "s4", "default_of_idea"),
    ("It would be nice to export to Excel", "idea", "s4", "default_of_idea"),
    # questions
    ("怎么导出数据？", "question", "s4", "default_of_question"),
    ("请问在哪里修改密码", "question", "s4", "default_of_question"),
    ("How do I reset my password?", "question", "s4", "default_of_question"),
    ("¿Dónde está el botón?", "question", "s4", "default_of_question"),
    # complaints
    ("为什么这么贵，太坑了", "complaint", "s3", "default_of_complaint"),
    ("客服态度很差，半天没人理", "complaint", "s3", "default_of_complaint"),
    ("一点也不好用", "complaint", "s3", "default_of_complaint"),
    ("This is not a very good app", "complaint", "s3", "default_of_complaint"),
    ("Terrible support, nobody answers", "complaint", "s3", "default_of_complaint"),
    ("😡😡😡", "complaint", "s3", "default_of_complaint"),
    # praise
    ("很好用，谢谢！", "praise", "s4", "default_of_praise"),
    ("Great app, thanks ❤", "praise", "s4", "default_of_praise"),
    ("👍", "praise", "s4", "default_of_praise"),
    # negated trouble is no trouble
    ("不卡，很流畅", "praise", "s4", "default_of_praise"),
    ("没有崩溃过，一直很稳定", "praise", "s4", "default_of_praise"),
    ("再也没有闪退，好评", "praise", "s4", "default_of_praise"),
    ("Not broken, works great", "praise", "s4", "default_of_praise"),
    ("It never crashes, I love it", "praise", "s4", "default_of_praise"),
    ("no problem at all", "praise", "s4", "default_of_praise"),
    ("闪退问题终于修复了，好评", "praise", "s4", "default_of_praise"),
    ("The crash has been fixed, thank you", "praise", "s4", "default_of_praise"),
    # nothing to go by
    ("今天天气", "other", "s4", "default_of_other"),
    ("hello", "other", "s4", "default_of_other"),
    ("12345", "other", "s4", "default_of_other"),
]


@pytest.mark.parametrize(("body", "kind", "severity", "rule"), SORTED, ids=[case[0] for case in SORTED])
def test_posts_are_sorted_by_their_words(body, kind, severity, rule):
    result = triage(body)

    assert (result.kind, result.severity) == (kind, severity), result
    assert rule in [reason.rule for reason in result.reasons if reason.field == "severity"]


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        ("太慢了，非常失望", "有点慢"),
        ("terrible", "a bit confusing"),
        ("不好用", "好用"),
        ("not good", "good"),
        ("不是很满意", "很满意"),
        ("卡", "不卡"),
        ("broken", "not broken"),
        ("很差！！！", "很差"),
        ("I don't like it", "I like it"),
    ],
)
def test_degree_and_negation_order_sentiments(worse, better):
    assert triage(worse).sentiment < triage(better).sentiment


def test_the_rating_pulls_the_sentiment_and_decides_without_words():
    assert triage("很好用", rating=1).sentiment < triage("很好用").sentiment < triage("很好用", rating=5).sentiment
    assert [triage("…", rating=rating).sentiment for rating in (1, 2, 3, 4, 5)] == [-0.8, -0.4, 0.0, 0.4, 0.8]
    assert triage("…", rating=1).kind == "complaint"
    assert triage("…", rating=5).kind == "praise"
    assert triage("…", rating=3).kind == "other"


def test_the_title_counts_and_an_explicit_kind_wins():
    assert triage("see attachment", title="App crashes").severity == "s1"
    chosen = triage("App crashes", kind="question")
    assert (chosen.kind, chosen.severity) == ("question", "s1")


def test_the_reason_names_rules_and_words():
    document = triage("支付失败, 扣款两次", rating=1).document()

    assert document["engine"] == "rules-3"
    assert document["language"] == "zh"
    assert document["reasons"] == [
        {"field": "kind", "rule": "defect_words", "words": ["支付失败", "扣款两次"]},
        {"field": "severity", "rule": "payment_failed", "words": ["支付失败", "扣款两次"]},
        {"field": "sentiment", "rule": "unpleasant_words", "words": ["支付失败", "扣款两次"]},
        {"field": "sentiment", "rule": "rating", "words": ["1"]},
    ]


@pytest.mark.parametrize(
    ("body", "language"),
    [
        ("报表导出", "zh"),
        ("export reports", "latin"),
        ("导出 report 报表 to Excel 失败了", "mixed"),
        ("😡 123", "other"),
    ],
)
def test_the_script_names_the_language(body, language):
    assert triage(body).language == language


@given(st.text(max_size=300), st.one_of(st.none(), st.integers(1, 5)))
def test_any_text_is_sorted_within_bounds_and_always_the_same(body, rating):
    result = triage(body, rating=rating)

    assert -1 <= result.sentiment <= 1
    assert result.reasons
    assert result == triage(body, rating=rating)


@given(st.lists(st.sampled_from([*CHINESE, *ENGLISH, *EMOJI, " ", "，", "!", "?", "中", "x"]), max_size=60))
def test_any_mixture_of_known_words_stays_within_bounds(words):
    result = triage("".join(words))

    assert -1 <= result.sentiment <= 1
    assert all(len(reason.words) <= 8 for reason in result.reasons)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=100))
def test_folding_twice_is_folding_once(text):
    assert searchable(searchable(text)) == searchable(text)


@pytest.mark.parametrize("unit", ["崩溃", "crash ", "中", "a", "。", "不", "ﷺ", "not ", "!", "没有再"])
def test_the_longest_post_takes_bounded_time(unit):
    body = (unit * 50_000)[:50_000]
    triage(body)

    started = time.process_time()
    triage(body)

    # ten times what was measured (7 ms at worst), so that a busy machine does not fail it; unbounded reading takes 50 times as long
    assert time.process_time() - started < 0.1


def test_lexicons_are_of_one_spelling():
    for word in CHINESE:
        assert searchable(word) == word, "a word that folding changes is never found"
    for word in ENGLISH:
        assert searchable(word) == word
    assert len(CHINESE) > 700
    assert len(ENGLISH) > 700
    assert len(SIMPLIFIED) > 500
