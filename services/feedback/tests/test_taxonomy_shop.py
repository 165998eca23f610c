"""The areas of a shop, as its people would name them: posts in both languages find theirs."""

from __future__ import annotations

import pytest

from opsloop_feedback.taxonomy.rules import read_areas
from opsloop_feedback.triage.rules import searchable

SHOP: dict[str, tuple[list[str], list[str]]] = {
    "checkout": (
        ["checkout", "cart", "coupon", "结账", "购物车", "优惠券"],
        [
            "The cart is empty after a refresh",
            "A coupon is not taken at checkout",
            "购物车里的东西没了",
            "优惠券用不了",
        ],
    ),
    "delivery": (
        ["parcel", "courier", "tracking number", "快递", "物流", "发货"],
        [
            "The courier left it with a neighbour",
            "Where do I see the tracking number",
            "快递三天没动",
            "什么时候发货",
        ],
    ),
    "accounts": (
        ["profile", "avatar", "nickname", "头像", "昵称", "个人资料"],
        [
            "My avatar is upside down",
            "I want a longer nickname",
            "头像换不了",
            "昵称太短",
        ],
    ),
    "search": (
        ["search", "filter", "sort order", "搜索", "筛选", "排序"],
        [
            "The search finds nothing",
            "The sort order is odd",
            "搜索没有结果",
            "筛选不管用",
        ],
    ),
    "notices": (
        ["notification", "push", "reminder", "通知", "推送", "提醒"],
        [
            "A reminder came an hour late",
            "No push on my tablet",
            "推送太多",
            "提醒不响",
        ],
    ),
    "video": (
        ["video", "subtitle", "playback speed", "视频", "字幕", "倍速"],
        [
            "The subtitle is late",
            "Playback speed resets",
            "字幕慢两秒",
            "没有倍速",
        ],
    ),
    "storage": (
        ["backup", "cloud", "quota", "备份", "云盘", "容量"],
        [
            "The backup stops at night",
            "My quota is wrong",
            "备份失败",
            "云盘满了",
        ],
    ),
    "printing": (
        ["printer", "label", "paper size", "打印", "标签纸", "纸张"],
        [
            "The printer prints half a label",
            "Paper size is fixed",
            "打印不出来",
            "纸张大小不对",
        ],
    ),
}
AREAS = read_areas([(name, words) for name, (words, _) in SHOP.items()])


@pytest.mark.parametrize(("area", "text"), [(name, text) for name, (_, texts) in SHOP.items() for text in texts])
def test_a_post_finds_its_area(area: str, text: str):
    assert AREAS is not None
    found = AREAS.about(searchable(text))

    assert found is not None
    assert found[0] == area
    assert set(found[1]) <= {searchable(word) for word in SHOP[area][0]}


@pytest.mark.parametrize(
    "text", ["Thank you", "谢谢", "It is slow today", "今天有点慢", "12345", "researcher", "carton"]
)
def test_a_post_with_none_of_their_words_has_none(text: str):
    assert AREAS is not None
    assert AREAS.about(searchable(text)) is None


def test_each_area_is_found_by_each_of_its_words():
    assert AREAS is not None
    for name, (words, _) in SHOP.items():
        for word in words:
            assert AREAS.about(searchable(f"about {word} again")) == (name, [searchable(word)])
