"""The learner: it starts from the rules, learns what they get wrong, and is tried on what it has not seen."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_feedback.learning.rules import (
    CLASSES,
    ENOUGH,
    FEATURES_OF_A_MODEL,
    FEATURES_OF_A_POST,
    FOLDS,
    NO_AREA,
    NUMBERS_OF_A_MODEL,
    Learner,
    Lesson,
    Model,
    features_of,
    folds,
    judge,
    prior_of,
    read_model,
    report,
)

PRIOR = {"bug": 0.0, "idea": 0.0, "other": 0.55}


def learnt(lessons: list[Lesson]) -> Model:
    learner = Learner(lessons)
    for step in learner.steps():
        learner.learn(step)
    return learner.model()


def lessons(count: int, text: str = "the lamp number {} is dark", label: str = "bug", **more: bool) -> list[Lesson]:
    return [Lesson(features_of(text.format(f"x{each}")), PRIOR, label, **more) for each in range(count)]


def says(model: Model, text: str, prior: dict[str, float] = PRIOR) -> str:
    return judge(model, features_of(text), prior).label


@pytest.mark.parametrize(
    ("text", "features"),
    [
        ("The lamp", ["the", "lamp", "the lamp"]),
        ("", []),
        ("Room 12, room 14", ["room", "0", ",", "room 0", "0 ,", ", room"]),
        ("导出报表", ["导出", "报表", "导出 报表"]),
        ("用 iPad 导出", ["用", "ipad", "导出", "用 ipad", "ipad 导出"]),
        ("👍", ["👍"]),
    ],
)
def test_features_are_words_and_pairs_of_neighbours(text: str, features: list[str]):
    assert features_of(text) == features


def test_a_long_post_has_no_more_features_than_it_may():
    assert (
        len(features_of(" ".join(f"word{chr(97 + number % 26)}{number}" for number in range(9_000))))
        <= FEATURES_OF_A_POST
    )
    assert len(features_of("报表导出失败" * 9_000)) <= FEATURES_OF_A_POST


def test_thirty_alike_corrections_are_enough_and_move_nothing_else():
    model = learnt(lessons(30))

    assert says(model, "the lamp number x99 is dark") == "bug"
    assert says(model, "is it open on sunday") == "other"
    assert says(model, "completely another thing") == "other"


def test_against_rules_that_are_sure_it_takes_as_many():
    sure = {"bug": 0.0, "idea": 2.2, "other": 0.55}
    taught = [Lesson(features_of(f"please add ink to printer x{each}"), sure, "bug") for each in range(30)]
    model = learnt(taught)

    assert judge(model, features_of("please add ink to printer x77"), sure).label == "bug"
    assert judge(model, features_of("please add a calendar"), sure).label == "idea"


def test_what_nobody_corrected_holds_against_a_word_that_both_have():
    untouched = lessons(30, "the door of room {} is open", "other", is_corrected=False)
    model = learnt([*lessons(30), *untouched])

    assert says(model, "the lamp number x99 is dark") == "bug"
    assert says(model, "the door of room x99 is open") == "other"


def test_the_words_that_speak_for_it_are_told():
    judged = judge(learnt(lessons(30)), features_of("the lamp number x99 is dark"), PRIOR)

    assert judged.label == "bug"
    assert 0.5 < judged.confidence <= 1
    assert 0 < len(judged.words) <= 5
    assert set(judged.words) <= set(features_of("the lamp number x99 is dark"))


def test_without_words_that_it_knows_the_rules_stay_right():
    model = learnt(lessons(30))

    assert judge(model, [], {"idea": 2.0, "bug": 1.0}).label == "idea"
    assert judge(model, ["unheard"], {"idea": 2.0, "bug": 1.0}).words == []


def test_learning_the_same_again_comes_to_the_same():
    assert learnt(lessons(25)).document() == learnt(lessons(25)).document()


def test_a_stored_model_is_the_model():
    model = learnt([*lessons(20), *lessons(20, "请把第 {} 页改回来", "idea")])
    again = read_model(model.document())

    for text in ("the lamp number x1 is dark", "请把第 x3 页改回来", "hello"):
        assert judge(again, features_of(text), PRIOR) == judge(model, features_of(text), PRIOR)


def test_each_lesson_is_learnt_once_an_epoch_and_in_another_order():
    taught = lessons(21)
    order = [taken for taken, _ in Learner(taught).steps()]

    assert sorted(map(id, order[:21])) == sorted(map(id, taught)) == sorted(map(id, order[21:42]))
    assert list(map(id, order[:21])) != list(map(id, order[21:42]))


def test_each_lesson_is_tried_once_on_what_did_not_see_it():
    taught = lessons(22)
    divided = folds(taught)

    assert len(divided) == FOLDS
    assert sorted(id(lesson) for _, unseen in divided for lesson in unseen) == sorted(map(id, taught))
    assert all(not set(map(id, known)) & set(map(id, unseen)) for known, unseen in divided)
    assert all(len(known) + len(unseen) == 22 for known, unseen in divided)


def test_the_learner_is_believed_where_it_beats_the_rules_on_enough():
    wrong = [(lesson, "bug") for lesson in lessons(ENOUGH)]  # the rules say other
    few = wrong[: ENOUGH - 1]
    silent = [(lesson, "bug") for lesson in lessons(200, label="other", is_corrected=False)]

    assert report(wrong).is_better
    assert (report(wrong).rules, report(wrong).learner) == (0.0, 1.0)
    assert not report(few).is_better
    assert not report([*wrong, *silent]).is_better  # it moves what people left as it was
    assert report([*wrong, *((lesson, "other") for lesson, _ in silent)]).is_better
    assert report([*wrong, *silent]).corrections == ENOUGH
    assert not report([]).is_better


@pytest.mark.parametrize(
    ("field", "area", "prior"),
    [
        ("kind", None, {"bug": 1.0}),
        ("severity", None, {"s2": 2.0}),
        ("area", None, {NO_AREA: 2.0}),
        ("area", "maps", {"maps": 2.0}),
    ],
)
def test_the_rules_score_kinds_and_only_say_the_rest(field: str, area: str | None, prior: dict[str, float]):
    assert prior_of(field, {"bug": 1.0}, "s2", area) == prior


def test_a_model_is_no_larger_than_it_may_be():
    many = [
        Lesson([f"w{each}_{place}" for place in range(200)] * 2, {f"area{each % 60}": 2.0}, f"area{(each + 1) % 60}")
        for each in range(60)
    ]
    model = learnt([*many, *many])

    assert len(model.classes) <= CLASSES
    assert len(model.words) <= FEATURES_OF_A_MODEL
    assert sum(len(adds) - 1 for adds in model.words.values()) <= NUMBERS_OF_A_MODEL


WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "报表", "导出"]), max_size=6)
LESSON = st.builds(Lesson, WORDS, st.just(PRIOR), st.sampled_from(["bug", "idea", "other"]), is_corrected=st.booleans())


@given(st.lists(LESSON, max_size=12), WORDS)
def test_whatever_is_taught_it_judges(taught: list[Lesson], words: list[str]):
    judged = judge(learnt(taught), words, PRIOR)

    assert judged.label in ("bug", "idea", "other")
    assert 0 <= judged.confidence <= 1


def test_a_post_is_judged_in_a_fifth_of_a_millisecond():
    text = "The new dashboard looks great but I cannot find the export button anywhere, could you add it back?"
    model = learnt([*lessons(40), *lessons(40, text + " {}", "idea")])
    judge(model, features_of(text), PRIOR)
    took = []
    for _ in range(50):
        began = time.thread_time()
        judge(model, features_of(text), PRIOR)
        took.append(time.thread_time() - began)

    assert min(took) < 0.001  # five times the bound, so that a busy machine does not fail it
