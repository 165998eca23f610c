"""Which language a person gets of those that there are."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_notifications.locales import rules


@pytest.mark.parametrize(
    ("offered", "wanted", "chosen"),
    [
        (["de", "en-GB", "en"], "en-US", "en"),
        (["de", "en-GB"], "en-US", "en-GB"),
        (["de", "zh-Hans"], "zh-Hans-CN-x", "zh-Hans"),
        (["zh-TW", "zh-Hans"], "zh-Hans", "zh-Hans"),
        *[
            (["zh-CN", "zh-TW", "en"], tag, "zh-CN")
            for tag in ("zh", "zh-CN", "zh-Hans-CN", "zh-SG", "zh-MY", "ZH-hans")
        ],
        *[
            (["zh-CN", "zh-TW", "en"], tag, "zh-TW")
            for tag in ("zh-TW", "zh-Hant-TW", "zh-HK", "zh-MO", "zh-hant", "zh-US")
        ],
        (["zh", "zh-Hant"], "zh-TW", "zh-Hant"),
        (["zh-HK", "zh-TW", "zh"], "zh-Hant-HK", "zh-HK"),
        (["zh-CN", "en"], "zh-Hant", "zh-CN"),
        (["zh-CN", "zh-TW"], "cmn-Hant", "zh-TW"),
        (["zh-CN", "zh-TW"], "zh-cmn-Hans-CN", "zh-CN"),
        (["sr-Latn", "sr"], "sr-RS", "sr"),
        (["sr-Latn", "sr"], "sr-ME", "sr-Latn"),
        (["az", "az-Arab"], "az-IR", "az-Arab"),
        (["pt-PT", "pt-BR"], "pt", "pt-BR"),
        (["he", "en"], "iw-IL", "he"),
        (["en-US", "en"], "en", "en"),
        (["es-ES", "es-419"], "es-419-u-co-trad", "es-419"),
        *[(["en", "no"], tag, "no") for tag in ("nb", "nn", "nb-NO", "no")],
        (["en", "nb"], "no", "nb"),
        (["nb", "nn"], "nn-NO", "nn"),
        (["en", "zh-TW"], "yue", "zh-TW"),
        (["zh-CN", "zh-TW"], "yue-HK", "zh-TW"),
        (["zh-CN", "zh-TW"], "yue-Hans", "zh-CN"),
        (["en", "zh-CN"], "wuu", "zh-CN"),
        (["yue", "en"], "zh-HK", "yue"),
        (["en", "fa"], "prs", "fa"),
        (["en", "ar"], "arz-EG", "ar"),
        (["sr-Latn", "sr"], "sh", "sr-Latn"),
        (["de-1996", "de-1901"], "de-DE-1901", "de-1996"),
    ],
)
def test_the_nearest_language_is_chosen_whatever_the_order(offered: list[str], wanted: str, chosen: str):
    # of several that suit alike the first is taken: such lists are not turned round
    orders = [offered] if chosen == "de-1996" else permutations(offered)

    assert {order[rules.best_locale(order, wanted)] for order in map(list, orders)} == {chosen}


@pytest.mark.parametrize("wanted", [None, "", "fr", "x-private", "tlh", "-", "12", "zhx"])
def test_without_a_common_language_the_first_is_sent(wanted: str | None):
    assert rules.best_locale(["de", "zh-CN"], wanted) == 0
    assert rules.best_locale(["zh-CN", "de"], wanted) == 0


@given(st.from_regex(r"\A[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,7}\Z"), st.permutations(["en", "zh-TW", "sr-Latn", "x1"]))
def test_any_tag_that_is_taken_has_a_nearest(wanted: str, offered: list[str]):
    assert rules.likely(wanted)[0] == rules.likely(wanted.upper())[0]
    assert 0 <= rules.best_locale(offered, wanted) < len(offered)
    assert offered[rules.best_locale(offered, "zh-Hant-MO")] == "zh-TW"


@pytest.mark.parametrize(
    ("tag", "parts"),
    [
        ("prs", ("fa", "arab", "af")),
        ("swc", ("sw", "latn", "cd")),
        ("sh", ("sr", "latn", "rs")),
        ("cnr", ("sr", "latn", "me")),
        ("cmn", ("zh", "hans", "cn")),
        ("yue", ("yue", "hant", "hk")),
    ],
)
def test_what_another_name_implies_is_a_script_or_a_region(tag: str, parts: tuple[str, str, str]):
    assert rules.likely(tag) == parts
