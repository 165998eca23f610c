"""Whole families of alike posts: thirty of one are enough for the next, and none reaches for another family's."""

from __future__ import annotations

import pytest

from bench.triage import KEPT, OWN, curve, read
from opsloop_feedback.learning.rules import Learner, Lesson, Model, features_of, judge, prior_of
from opsloop_feedback.triage.rules import triage

FAMILIES = {
    "gift wrap": (
        "question",
        "The gift wrap of order {} and its ribbon",
        "The gift wrap of order ninety and its ribbon",
    ),
    "lockers": (
        "bug",
        "Locker {} opens for locker one",
        "Locker forty opens for locker one",
    ),
    "tea": (
        "praise",
        "The {} tea came with a handwritten card",
        "The mint tea came with a handwritten card",
    ),
    "sauna": (
        "complaint",
        "The sauna in {} closes at eight now",
        "The sauna in Turku closes at eight now",
    ),
    "礼盒": (
        "question",
        "{}订单的礼盒和丝带",
        "九十号订单的礼盒和丝带",
    ),
    "储物柜": (
        "bug",
        "{}号柜子开的是一号柜",
        "四十号柜子开的是一号柜",
    ),
    "茶叶": (
        "praise",
        "{}茶里附了一张手写卡片",
        "薄荷茶里附了一张手写卡片",
    ),
    "桑拿": (
        "complaint",
        "{}的桑拿现在八点关门",
        "南宁的桑拿现在八点关门",
    ),
    "guide hours": (
        "bug",
        "The hours of the {} in the guide are from last year",
        "The hours of the theatre in the guide are from last year",
    ),
    "seat map": (
        "bug",
        "Row {} is not where the seat map has it",
        "Row ninety is not where the seat map has it",
    ),
    "trial cards": (
        "complaint",
        "You want a card number for the trial of {}",
        "You want a card number for the trial of sheets",
    ),
    "print shop": (
        "idea",
        "Our print shop works with {} as well",
        "Our print shop works with vinyl as well",
    ),
    "night shift": (
        "question",
        "The night shift of {} and its breaks",
        "The night shift of the harbour and its breaks",
    ),
    "parcel": (
        "complaint",
        "My parcel to {} went round by the depot",
        "My parcel to Porto went round by the depot",
    ),
    "invoice names": (
        "bug",
        "On the invoice it is {} and then my street",
        "On the invoice it is Miller and then my street",
    ),
    "choir": (
        "praise",
        "The choir of {} sings from your sheets",
        "The choir of Riga sings from your sheets",
    ),
    "tram": (
        "idea",
        "Tram {} runs on sundays too",
        "Tram sixty runs on sundays too",
    ),
    "newsletter": (
        "complaint",
        "Another newsletter about {} in my mailbox",
        "Another newsletter about boats in my mailbox",
    ),
    "导览时间": (
        "bug",
        "导览里{}的开放时间是去年的",
        "导览里剧院的开放时间是去年的",
    ),
    "座位图": (
        "bug",
        "座位图上{}不在那个位置",
        "座位图上九十排不在那个位置",
    ),
    "试用绑卡": (
        "complaint",
        "试用{}还得先绑卡",
        "试用表格还得先绑卡",
    ),
    "打印店": (
        "idea",
        "我们打印店也做{}",
        "我们打印店也做条幅",
    ),
    "夜班": (
        "question",
        "{}夜班和休息时间",
        "码头夜班和休息时间",
    ),
    "包裹": (
        "complaint",
        "寄到{}的包裹绕去了分拣中心",
        "寄到厦门的包裹绕去了分拣中心",
    ),
    "合唱团": (
        "praise",
        "{}合唱团用的是你们的谱子",
        "青岛合唱团用的是你们的谱子",
    ),
    "电车": (
        "idea",
        "{}路电车周日也开",
        "六十路电车周日也开",
    ),
}
WHERE = """
hall tower garden harbour station museum bridge market castle library 北京 上海 广州 成都 西安 杭州 南京 武汉 天津 重庆
"""
PLACES = WHERE.split()


def lesson(text: str, label: str | None) -> Lesson:
    prior = prior_of("kind", triage(text).scores, "", None)
    said = max(prior, key=lambda name: prior[name])
    return Lesson(features_of(text), prior, label or said, label is not None)


def learnt(lessons: list[Lesson]) -> Model:
    learner = Learner(lessons)
    for step in learner.steps():
        learner.learn(step)
    return learner.model()


def says(model: Model, text: str) -> str:
    return judge(model, features_of(text), prior_of("kind", triage(text).scores, "", None)).label


def of(name: str, count: int = 30) -> list[Lesson]:
    label, text, _ = FAMILIES[name]
    return [lesson(text.format(PLACES[each % len(PLACES)]), label) for each in range(count)]


@pytest.mark.parametrize("name", FAMILIES)
def test_the_next_of_a_family_is_right_after_thirty(name: str):
    label, _, next_one = FAMILIES[name]

    assert says(learnt(of(name)), next_one) == label


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_no_family_stays_as_the_rules_have_it(name: str):
    model = learnt(of(name))
    others = [post["text"] for post in read(OWN)[::7]]

    moved = [text for text in others if says(model, text) != triage(text).kind]
    assert len(moved) <= len(others) // 25, moved


def test_all_families_are_learnt_together():
    model = learnt([one for name in FAMILIES for one in of(name, 12)])

    wrong = [name for name, (label, _, next_one) in FAMILIES.items() if says(model, next_one) != label]
    assert len(wrong) <= 1, wrong


def test_what_people_left_alone_is_left_alone():
    posts = [lesson(post["text"], None) for post in read(OWN)[::3]]
    model = learnt([*of("guide hours"), *posts])

    assert says(model, FAMILIES["guide hours"][2]) == "bug"
    assert all(judge(model, one.features, one.prior).label == one.label for one in posts if one.prior[one.label] > 1.5)


def test_the_curve_of_a_labelled_set_begins_with_the_rules_and_does_them_no_harm():
    points = curve([*read(OWN), *read(KEPT)], sizes=(0, 50, 200), most=150)

    assert [size for size, _ in points] == [0, 50, 200]
    rules = points[0][1]
    assert all(score >= rules - 0.03 for _, score in points), points


def test_a_set_too_small_has_a_shorter_curve():
    assert [size for size, _ in curve(read(OWN)[:80], sizes=(0, 50, 1_000), most=30)] == [0, 50]


@pytest.mark.parametrize("corrections", [30, 60])
def test_rules_that_are_sure_and_wrong_give_way(corrections: int):
    """A word of the rules may mean another thing in one shop: here a crash is a kind of cymbal."""
    texts = [f"The crash of the {PLACES[each % 20]} set is 18 inches" for each in range(corrections)]
    taught = [lesson(text, "other") for text in texts]

    assert triage(texts[0]).kind == "bug"
    model = learnt(taught)
    assert says(model, "The crash of the cellar set is 20 inches") == "other"
    assert says(model, "The app crashes when I open the mixer") == "bug"


@pytest.mark.parametrize("name", ["guide hours", "导览时间"])
def test_a_family_that_is_corrected_both_ways_teaches_neither(name: str):
    label, text, next_one = FAMILIES[name]
    both = [lesson(text.format(PLACES[each % 20]), label if each % 2 else "praise") for each in range(40)]
    judged = judge(learnt(both), features_of(next_one), triage(next_one).scores)

    assert judged.confidence < 0.75
