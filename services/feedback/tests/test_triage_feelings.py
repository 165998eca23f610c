"""How a post feels: words of shops, rooms, kitchens and books, in both languages, and what shapes add to them."""

from __future__ import annotations

import pytest

from opsloop_feedback.triage.rules import triage

PLEASANT = [
    "味道很好，分量也足",
    "房间干净整洁，前台热情",
    "送货神速，包装结实",
    "料子柔软，做工精致",
    "故事生动，看得很感动",
    "一如既往的新鲜",
    "物超所值，下次还来",
    "已经离不开它了",
    "速度快，态度好",
    "It saves me hours every week",
    "What a gem, delicious and fresh",
    "It just works",
    "Never had a problem with it",
    "Could not be happier",
    "The editor is a joy to use",
]
UNPLEASANT = [
    "房间又旧又脏，还有异味",
    "送来都凉了，汤也洒了",
    "隔音不好，半夜很吵",
    "掉色，起球，做工粗糙",
    "内容空洞，很无聊",
    "打了三次电话都没人处理",
    "再也不来了",
    "越来越差",
    "米饭太硬，菜太咸",
    "Nobody replied to my three mails",
    "A greedy cash grab, full of popups",
    "Prices went up again",
    "It used to be so good",
    "Do not waste your evening on it",
    "Dirty, noisy and overrated",
]


@pytest.mark.parametrize("text", PLEASANT)
def test_what_pleases_is_above_nothing(text: str):
    assert triage(text).sentiment > 0


@pytest.mark.parametrize("text", UNPLEASANT)
def test_what_does_not_is_below(text: str):
    assert triage(text).sentiment < 0


@pytest.mark.parametrize(
    "text", ["见附件", "订单号是20931", "快递单号稍后发", "请尽快", "See the attached file", "As discussed"]
)
def test_what_says_nothing_of_it_is_neither(text: str):
    assert triage(text).sentiment == 0


def test_what_is_over_weighs_no_more():
    assert triage("It kept crashing, but now it is fixed").sentiment > triage("It keeps crashing").sentiment
    assert triage("I was charged twice, but I got my money back").severity == "s4"
