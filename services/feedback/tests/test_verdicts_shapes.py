"""Shapes: each is found in sentences that people write, and not where it only looks like it."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_feedback.triage.rules import triage
from opsloop_feedback.triage.words import fold
from opsloop_feedback.verdicts.patterns import SIGNS, heard

WISHES = [
    "Add a calendar view",
    "Nice so far. Allow several accounts at once",
    "Please let us reorder the tabs",
    "It's fine, but please support landscape mode",
    "There should be a way back to the list",
    "It needs to have a bigger font",
    "The editor needs a ruler",
    "There is no option to hide read messages",
    "No dark theme setting for tablets, no way to change it",
    "It would be really helpful to see the total",
    "That'd be great on a watch",
    "I would love to see recurring tasks",
    "We'd appreciate it if the list kept its order",
    "I want the ability to pin notes",
    "If only it could remember my last search",
    "The only thing missing is a widget",
    "Why not use the same colours everywhere",
    "Feature request: offline maps",
    "Can you guys please make the player smaller",
    "More customization would be welcome, so that we can tell accounts apart",
    "增加横屏模式",
    "麻烦加个搜索框",
    "支持平板横屏",
    "希望下个版本能记住密码",
    "建议把按钮改大一些",
    "是否可以考虑做个网页版",
    "能不能把广告取消",
    "请问有离线下载功能吗？",
    "要是能自动备份就更好了",
    "如果字体再大一点会更方便",
    "应该增加一个回收站",
    "最好提供批量删除",
    "就是缺少筛选功能",
    "什么时候支持指纹解锁",
    "求一个夜间模式",
    "想要有更多皮肤",
    "Why not let people vote",
    "A second column would help",
    "Editors must be able to undo",
    "It just needs a clock",
    "多做几个模板",
    "最好能记住密码",
]
FAILURES = [
    "The page doesn't load pictures",
    "The button does not react",
    "It cannot print labels",
    "It no longer sorts by date",
    "It keeps asking for the code",
    "The player stopped responding",
    "It randomly closes",
    "It refuses to pair with my watch",
    "Unable to rename a folder",
    "It jumps back to the first page",
    "It throws me out every evening",
    "It shows the wrong date",
    "It only shows half of the list",
    "There is an exception in the log",
    "Steps to reproduce: open the menu twice",
    "Since the last update it drains the battery",
    "被自动退出群聊",
    "莫名其妙就跳转页面",
    "总是自动退出",
    "看到一半就回到首页",
    "同一条消息重复弹出",
    "图片上传不了",
    "字幕显示不全",
    "无法切换账号",
    "更新后首页变空",
    "The list jumps whenever I open a card",
    "When I turn the phone the form is gone",
    "字幕总是慢一拍",
    "切换以后头像还是没变",
    "The red button does nothing",
    "The total is wrong",
    "It plays without sound",
    "It opens the old page instead of the new one",
    "The mail arrives three times",
    "It ignores my filters",
    "It resets itself every night",
    "点了没有任何反应",
    "刷新后又变回旧的名字",
    "筛选条件被重置",
    "消息弹了三遍",
    "图片上下颠倒",
    "一个晚上就把电耗光",
    "还没看完就跳走",
    "一直显示旧的头像",
]
SUPPOSED = ["What should I do if a transfer fails?", "万一付款失败怎么办"]
QUESTIONS = [
    "How can I share a folder?",
    "Hello, where do I change my name",
    "Is the trial free?",
    "请问怎么开发票",
    "怎么设置提醒",
    "同步标志是什么意思",
]
MONEY = [
    "There is a payment of 12 dollars on my card that I don't recognise",
    "I never made this transfer",
    "A strange withdrawal shows in my account",
    "My card keeps being declined in shops",
    "The transfer failed three times",
    "My top-up was reverted",
    "They declined my card at the till",
    "I was charged twice for one ticket",
    "Double payment for a single order",
    "The machine gave me the wrong amount of cash",
    "I only received 20 of 50",
    "I asked for 100 but the cash machine gave less",
    "My refund has not arrived",
    "I have not received my refund",
    "Missing money after the transfer",
    "My top-up was revoked",
    "I sent my sister money and she has not received it",
    "余额突然少了",
    "这笔不是我消费的",
    "一个月会员扣了两次",
    "转账一直失败",
    "有一笔不明扣款",
    "退款过了十天还没到账",
]
SECURITY = [
    "My card was stolen on the train",
    "Someone stole my account",
    "I think my account has been hacked",
    "Somebody is using my card abroad",
    "I lost my credit card yesterday",
    "Money was taken without my permission",
    "账号被别人盗了",
    "收到异地登录提醒",
    "有人用我的账号下单",
]
GRIPES = [
    "Nobody answers the phone",
    "It used to be great",
    "Prices went up again",
    "It took three weeks",
    "Do not buy",
    "打了五个电话没人处理",
    "就知道圈钱",
    "再也不来了",
    "越来越差",
]
CHEERS = [
    "It just works",
    "It saves me a lot of time",
    "I can't imagine my day without it",
    "Could not be better",
    "It has never let me down",
    "已经离不开它了",
    "我爸妈都会用",
    "值得推荐",
    "发货速度很快",
]


@pytest.mark.parametrize(
    ("tells", "text"),
    [
        (tells, text)
        for tells, texts in (
            ("wish", WISHES),
            ("failure", FAILURES),
            ("asks", QUESTIONS),
            ("payment_failed", MONEY),
            ("security", SECURITY),
            ("gripe", GRIPES),
            ("cheer", CHEERS),
            ("supposes", SUPPOSED),
        )
        for text in texts
    ],
)
def test_what_people_write_is_heard(tells: str, text: str):
    assert tells in {each.tells for each in heard(fold(text))}


def test_every_shape_is_heard_in_one_of_them():
    texts = [fold(text) for text in (*WISHES, *FAILURES, *QUESTIONS, *MONEY, *SECURITY, *GRIPES, *CHEERS, *SUPPOSED)]

    assert [sign.pattern for sign in SIGNS if not any(re.search(sign.pattern, text) for text in texts)] == []


@pytest.mark.parametrize(
    ("tells", "text"),
    [
        # support is a noun, and a way to applaud
        ("wish", "Support was slow to answer"),
        ("wish", "Support team is kind"),
        ("wish", "支持你们"),
        ("wish", "支持一下国产软件"),
        # a question about what there is
        ("wish", "支持微信登录吗"),
        ("wish", "I added a note"),
        ("wish", "The option is where it was"),
        # what people do not do, feel or know is no failure of the product
        ("failure", "I don't like the colours"),
        ("failure", "I can't recommend it enough"),
        ("failure", "I don't know yet"),
        ("failure", "You won't regret it"),
        ("failure", "I couldn't be more pleased"),
        ("failure", "It keeps getting better"),
        ("failure", "It keeps improving"),
        ("failure", "No longer needed"),
        ("failure", "受不了了"),
        ("failure", "根本停不下来"),
        ("failure", "真是了不起"),
        # what might happen has not
        ("payment_failed", "What if my payment fails"),
        ("payment_failed", "How can I avoid a declined card"),
        ("security", "What happens if my card is stolen"),
        ("security", "担心账号被盗"),
        ("security", "如果银行卡被盗怎么处理"),
        ("security", "My account has never been hacked"),
        ("payment_failed", "How do I cancel a transfer"),
        ("payment_failed", "Which cards do you take"),
        ("payment_failed", "怎么充值"),
        ("payment_failed", "支付方式有哪些"),
        ("asks", "The page says how it went"),
        # nobody wishes for what is there or was done
        ("wish", "They added a calendar"),
        ("wish", "I can choose the colours"),
        ("wish", "It shows more than before"),
        ("wish", "The settings are where they were"),
        ("wish", "增长很快"),
        ("wish", "他们提供发票吗"),
        ("wish", "昨天加了班"),
        # what goes well
        ("failure", "It starts at once"),
        ("failure", "The page opens in a second"),
        ("failure", "Sync takes a moment"),
        ("failure", "No longer an issue"),
        ("failure", "It keeps working"),
        ("failure", "大不了重新来"),
        ("failure", "感觉不到延迟"),
        ("failure", "舍不得删"),
        ("gripe", "It took a minute"),
        ("gripe", "The price is fair"),
        ("gripe", "没有人不喜欢"),
        ("gripe", "等了一下"),
        ("cheer", "It works on two phones"),
        ("cheer", "I save the file as text"),
        ("cheer", "发货了吗"),
        # money that moves as it should
        ("payment_failed", "I paid for two seats"),
        ("payment_failed", "The refund arrived today"),
        ("payment_failed", "My transfer went through"),
        ("payment_failed", "I only received one mail"),
        ("payment_failed", "支付很方便"),
        ("payment_failed", "余额可以提现吗"),
        ("payment_failed", "退款很快"),
        ("security", "My account has two users"),
        ("security", "Someone from support called my office"),
        ("security", "怎么改密码"),
        ("security", "银行卡绑好了"),
    ],
)
def test_what_only_looks_like_it_is_not(tells: str, text: str):
    assert tells not in {each.tells for each in heard(fold(text))}


def test_the_words_are_shown_without_what_stood_around_them():
    [wish] = [each for each in heard("good. please add a calendar!") if each.strength == 2.2]

    assert wish.words == "please add"


def test_the_words_shown_are_few():
    long = "asked for 100 " + "and waited " * 4 + "only"

    assert all(len(each.words) <= 60 for each in heard(long))


@pytest.mark.parametrize(
    ("text", "kind", "severity"),
    [
        ("What should I do if a payment fails?", "question", "s4"),
        ("万一付款失败怎么办", "question", "s4"),
        ("What do I do, my payment failed?", "bug", "s1"),
        ("付款失败怎么办", "bug", "s1"),
        ("Somebody stole my card", "bug", "s1"),
        # money and safety, told as facts
        ("There is a withdrawal that I did not make", "bug", "s1"),
        ("The machine only gave me 20 pounds", "bug", "s1"),
        ("My transfer was declined", "bug", "s1"),
        ("我的银行卡被偷了", "bug", "s1"),
        ("钱包余额少了二十块", "bug", "s1"),
        # one word against many
        ("Lovely design, fast, stable and friendly, only a bit slow at times", "praise", "s4"),
        ("界面漂亮，功能齐全，客服贴心，就是偶尔有点慢", "praise", "s4"),
        # why somebody wishes for something
        ("Sorting by hand is tedious, please add a handle", "idea", "s4"),
        ("一个个删太不方便，希望能批量删除", "idea", "s4"),
        # a complaint that suggests
        ("建议你们好好反省，垃圾，骗钱，恶心", "complaint", "s3"),
        # marks that decorate
        ("So expensive??", "complaint", "s3"),
        ("太贵了吧？？", "complaint", "s3"),
    ],
)
def test_what_is_supposed_has_not_happened(text: str, kind: str, severity: str):
    sorted_as = triage(text)

    assert (sorted_as.kind, sorted_as.severity) == (kind, severity), sorted_as


@given(st.text(max_size=400))
def test_any_text_is_heard(text: str):
    found = heard(fold(text))

    assert all(each.words == each.words.strip() for each in found)


@pytest.mark.parametrize(
    "unit",
    [
        "payment ",
        "please ",
        "not received my ",
        "doesn't like ",
        "if only it ",
        "希望能",
        "支付",
        "不了",
        "有没有",
        "自动",
        "要能",
        "\n- ",
        "my card was stolen if ",
        "what if my payment failed ",
        "support was ",
    ],
)
def test_the_worst_texts_take_bounded_time(unit: str):
    text = (unit * 4_000)[:4_000]
    heard(text)

    started = time.process_time()
    heard(text)

    # ten times what was measured at worst, so that a busy machine does not fail it
    assert time.process_time() - started < 0.1
