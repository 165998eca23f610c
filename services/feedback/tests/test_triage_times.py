"""What was and is over, what is said not to be, and questions that are more than questions."""

import pytest

from opsloop_feedback.triage.rules import triage

OVER = [
    "The app was crashing last week but works perfectly now",
    "It kept crashing until the last update. Works great now!",
    "had crashes before the update, none since",
    "I used to see the crash every day, but since 2.1 it has been fixed. Thanks!",
    "It crashed a lot. Now it is great",
    "It froze on every start last month. After the update it runs smoothly",
    "The old version crashed all the time; the problem went away",
    "I had freezes at first, not once since.",
    "We were locked out yesterday, resolved now",
    "It kept freezing. No crashes since.",
    "I was charged twice, but I got my money back",
    "之前一直崩溃,更新后就没事了",
    "以前老是闪退，现在非常稳定",
    "上周还打不开，今天可以了",
    "一开始经常卡死，升级后流畅多了，好评",
    "昨天登录不了，现在恢复正常了",
    "旧版总是闪退，新版没再闪退",
    "之前扣款两次，已退款",
    "前几天一直报错，重启后好了",
    "Previously unusable, now it is a pleasure, thank you",
    "刚开始會閃退，更新之後就沒問題了",
]
NOT_SO = [
    "crash-free since the update, best app ever",
    "crashes? none.",
    "Bugs? None! Love it",
    "Any freezes? Nope.",
    "an error-free and lag-free experience",
    "data loss prevention feature please",
    "Please add crash monitoring",
    "Does your plan include phishing detection?",
    "it prevents data loss",
    "闪退？没有。",
    "崩溃？从来没有！",
    "希望增加数据丢失防护",
    "可以避免数据丢失",
    "这个版本没有崩溃，不闪退，赞",
    "No crash, no data loss, five stars",
    "避免崩溃的功能很实用",
    "Great crash reporting",
]
STILL_SO = [
    ("The app was fine last week but it crashes now", "crash"),
    ("It was crashing last week. Now it freezes and crashes", "crash"),
    ("It was crashing last week", "crash"),
    ("It crashed. Your support is great", "crash"),
    ("I was charged twice. Great, now I have to call my bank", "payment_failed"),
    ("My account was hacked last month. The app is nice now", "security"),
    ("Is the crash fixed? No.", "crash"),
    ("Have you fixed the crash? It crashes again", "crash"),
    ("之前好好的，更新后一直闪退", "crash"),
    ("之前丢了数据，现在界面好看", "data_loss"),
    ("lost my data, the recovery of it failed", "data_loss"),
    ("leaked reports of customers", "security"),
]
MORE_THAN_ASKED = [
    ("Where is my money? I paid $200 and nothing arrived", "payment_failed"),
    ("Why was I charged and got nothing?", "payment_failed"),
    ("I transferred 50 euros, why have I never got anything?", "payment_failed"),
    ("Where did my money go??", "payment_failed"),
    ("我付了钱为什么没有收到?", "payment_failed"),
    ("充值了五十元，怎么什么都没有？", "payment_failed"),
    ("我的錢去哪了？", "payment_failed"),
    ("Is it normal that I see a stranger's photos in my gallery?", "security"),
    ("Why do I see other users orders?", "security"),
    ("Why are the addresses of other customers shown to me?", "security"),
    ("为什么我的相册里显示陌生人的照片？", "security"),
    ("怎么能看到别人的地址？", "security"),
]
ONLY_ASKED = [
    "Can other users see my orders?",
    "Can strangers see my address?",
    "别人能看到我的订单吗？",
    "How do I see other people's photos?",
    "Where is my profile page?",
    "Where do I see how much I paid?",
    "在哪里能看到我的余额？",
]


@pytest.mark.parametrize("stars", [None, 4, 5])
@pytest.mark.parametrize("body", OVER)
def test_trouble_that_is_over_is_no_bug(body, stars):
    sorted_as = triage(body, rating=stars)

    assert (sorted_as.severity, sorted_as.kind in ("praise", "other")) == ("s4", True), sorted_as.reasons


@pytest.mark.parametrize("body", NOT_SO)
def test_trouble_that_is_said_not_to_be_is_none(body):
    assert triage(body).severity == "s4", triage(body).reasons


@pytest.mark.parametrize(("body", "rule"), [*STILL_SO, *MORE_THAN_ASKED])
def test_trouble_that_is_stays_severe_whatever_stands_beside_it(body, rule):
    sorted_as = triage(body)

    assert (sorted_as.kind, sorted_as.severity, sorted_as.reasons[1].rule) == ("bug", "s1", rule), sorted_as.reasons


@pytest.mark.parametrize("body", ONLY_ASKED)
def test_a_question_about_such_things_is_a_question(body):
    assert (triage(body).kind, triage(body).severity) == ("question", "s4"), triage(body).reasons
