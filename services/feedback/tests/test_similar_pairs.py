"""Pairs that people labelled, in both languages, with hard negatives: found among the first five, and never joined by themselves."""

from pathlib import Path

import pytest

from bench.similar import OWN, Pair, fill, is_repeat, joined, questions, read_pairs, score
from opsloop_common.db import Context
from opsloop_feedback.similar import service as similar
from opsloop_feedback.terms.rules import read

WANTED_AT_5 = 0.90


@pytest.fixture(scope="module")
def pairs():
    return read_pairs(OWN)


def is_chinese(text):
    return any("\u4e00" <= character <= "\u9fff" for character in text)


def test_the_set_is_large_and_of_both_languages(pairs):
    languages = [(is_chinese(pair.one), is_chinese(pair.other)) for pair in pairs if pair.is_same]

    assert len(pairs) >= 300
    assert min(languages.count(each) for each in ((True, True), (False, False), (True, False))) >= 50
    assert sum(not pair.is_same for pair in pairs) >= 100


def test_no_pair_that_means_something_else_joins_by_itself(pairs):
    assert joined(pairs) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("导出报表到表格里", "不能导出报表到表格里"),
        ("能导出报表到表格里", "不导出报表到表格里"),
        ("The app works on iOS 17", "The app works on iOS 18"),
        ("Crashes on version 5.1.0", "Crashes on version 5.10"),
        ("It crashes on Android", "It crashes on my iPhone"),
        ("Exports a PDF file fine", "Exports an Excel file fine"),
        ("The export works for all?", "The export works for all."),
        ("The export works for 1 2 items", "The export works for 12 items"),
        ("The price is $20 a month", "The price is €20 a month"),
        ("I was charged 20 dollars", "I was charged 200 dollars"),
        ("已经收到退款了谢谢", "没有收到退款谢谢"),
        ("It does crash every day", "It does not crash every day"),
    ],
)
def test_what_differs_in_what_matters_is_no_repeat(one, other):
    assert not is_repeat(Pair(one, other, False))


async def test_partners_are_among_the_first_five(desk, pairs):
    ids = await fill(desk.api, [text for pair in pairs for text in (pair.one, pair.other)])

    async def find(text, apart):
        async with desk.api.db.transaction(Context(workspace="bench")) as session:
            found = await similar.find_matches(session, read(text), apart=apart, limit=10)
        return [match.feedback_id for match in found]

    assert len(questions(pairs)) >= 100
    assert (await score(pairs, ids, find)).hits[5] >= WANTED_AT_5


def test_a_file_is_read_with_or_without_a_head_line(tmp_path: Path):
    file = tmp_path / "pairs.tsv"
    file.write_text('text1\ttext2\tlabel\na\tb\t1\nbroken\n"c\td\t0\n', encoding="utf-8")

    assert read_pairs(file) == [Pair("a", "b", True), Pair('"c', "d", False)]


def test_questions_know_all_their_partners_and_repeats_ask_nothing():
    told = [Pair("a", "b", True), Pair("c", "a", True), Pair("a", "d", False), Pair("Same words!", "same words", True)]

    assert questions(told) == {"a": {"b", "c"}, "c": {"a"}}
