"""How a workspace's own decisions are put together, and how long they are kept in the memory of a process."""

from __future__ import annotations

import pytest

from opsloop_feedback.learning.rules import Learner, Lesson, Model, features_of
from opsloop_feedback.sorting.rules import UNTAUGHT, Sorter
from opsloop_feedback.submissions.rules import Submission
from opsloop_feedback.taxonomy.rules import read_areas
from opsloop_feedback.triage.rules import triage
from opsloop_feedback.triage_rules.rules import read_rule


def taught(field: str, label: str, text: str = "the lamp is dark", **prior: float) -> Model:
    learner = Learner([Lesson(features_of(text), prior or {"other": 0.55}, label) for _ in range(40)])
    for step in learner.steps():
        learner.learn(step)
    return learner.model()


def said(body: str = "the lamp is dark", **more: object) -> Submission:
    return Submission(body=body, source="partner", **more)


@pytest.mark.parametrize("body", ["支付失败", "Please add a lamp", "How do I print?", "hello", "很好用"])
def test_who_taught_nothing_has_what_the_rules_say(body: str):
    found, plain = UNTAUGHT.sort(said(body, rating=4)), triage(body, rating=4)

    assert (found.kind, found.severity, found.sentiment, found.area) == (
        plain.kind,
        plain.severity,
        plain.sentiment,
        None,
    )
    assert found.document == plain.document()


def test_what_was_learnt_says_so_and_its_severity_follows():
    found = Sorter(models={"kind": taught("kind", "bug")}).sort(said())

    assert (found.kind, found.severity) == ("bug", "s3")
    by = {reason["field"]: reason["rule"] for reason in found.document["reasons"]}
    assert by["kind"] == "learned"
    assert by["severity"] == "default_of_bug"
    assert found.document["kind"] == "bug"
    assert found.document["confidence"] > 0.5


def test_a_severity_of_its_own_stays_with_another_kind():
    body = "I can't open the lamp page"
    found = Sorter(models={"kind": taught("kind", "idea", body, **triage(body).scores)}).sort(said(body))

    assert (found.kind, found.severity) == ("idea", "s2")


def test_a_learnt_severity_and_area_are_taken():
    models = {"severity": taught("severity", "s2", s4=2.0), "area": taught("area", "lamps", **{"": 2.0})}
    found = Sorter(models=models).sort(said())

    assert (found.severity, found.area) == ("s2", "lamps")
    assert {"severity", "area"} <= {why["field"] for why in found.document["reasons"] if why["rule"] == "learned"}


def test_what_is_most_severe_by_the_words_stays():
    body = "The app crashes"
    found = Sorter(models={"severity": taught("severity", "s4", body, s1=2.0)}).sort(said(body))

    assert found.severity == "s1"


def test_what_the_sender_says_stays():
    models = {"kind": taught("kind", "bug"), "area": taught("area", "lamps", **{"": 2.0})}
    found = Sorter(models=models).sort(said(kind="question", area="doors"))

    assert (found.kind, found.area) == ("question", "doors")


def test_reasons_are_one_a_field_in_their_order():
    models = {"kind": taught("kind", "bug"), "area": taught("area", "lamps", **{"": 2.0})}
    fields = [why["field"] for why in Sorter(models=models).sort(said()).document["reasons"]]

    assert fields == ["kind", "severity", "area"]


def test_a_learnt_area_shows_in_the_document_and_the_senders_does_not():
    models = {"area": taught("area", "lamps", **{"": 2.0})}

    assert Sorter(models=models).sort(said()).document["area"] == "lamps"
    assert Sorter(models=models).sort(said(area="doors")).document["area"] is None
    assert UNTAUGHT.sort(said(area="doors")).area == "doors"


def test_the_title_is_learnt_from_too():
    models = {"kind": taught("kind", "bug", "lamp dark\nsee picture")}

    assert Sorter(models=models).sort(said("see picture", title="lamp dark")).kind == "bug"
    assert UNTAUGHT.sort(said("see picture", title="lamp dark")).kind == "other"


def test_a_model_that_agrees_gives_its_own_confidence_and_the_rules_reason():
    models = {"kind": taught("kind", "other")}
    found = Sorter(models=models).sort(said())

    assert [why["rule"] for why in found.document["reasons"] if why["field"] == "kind"] == ["nothing_matched"]


def by_rule(**decides: str | None) -> Sorter:
    return Sorter(rules=(read_rule(id="r", name="Ours", when=[], decides=decides, add_tags=("ours",)),))


def test_a_team_stands_above_what_was_learnt():
    models = {"kind": taught("kind", "bug"), "area": taught("area", "lamps", **{"": 2.0})}
    found = Sorter(models=models, rules=by_rule(kind="idea", area="doors").rules).sort(said())

    assert (found.kind, found.severity, found.area) == ("idea", "s4", "doors")
    assert [(why["field"], why["rule"]) for why in found.document["reasons"]] == [
        ("kind", "team_rule"),
        ("severity", "default_of_idea"),
        ("area", "team_rule"),
    ]


def test_what_was_learnt_is_what_its_conditions_look_at():
    when = [{"field": "data.area", "op": "eq", "value": "lamps"}]
    rules = (read_rule(id="r", name="Lamps", when=when, decides={"severity": "s2"}, add_tags=()),)
    models = {"area": taught("area", "lamps", **{"": 2.0})}

    assert Sorter(models=models, rules=rules).sort(said()).severity == "s2"
    assert Sorter(rules=rules).sort(said()).severity == "s4"


def test_a_rule_that_says_what_is_so_anyway_has_the_last_word():
    found = by_rule(kind="other").sort(said())

    assert found.document["confidence"] == 1.0
    assert found.document["reasons"][0] == {"field": "kind", "rule": "team_rule", "words": ["Ours"]}


def test_tags_of_the_sender_come_first_and_none_twice():
    assert by_rule().sort(said(tags=["own", "ours"])).tags == ["own", "ours"]
    assert by_rule().sort(said(tags=["own"])).tags == ["own", "ours"]


def test_without_rules_the_senders_tags_are_the_posts():
    assert UNTAUGHT.sort(said(tags=["own"])).tags == ["own"]


def test_what_was_learnt_stands_above_the_words_of_areas():
    areas = read_areas([("doors", ["lamp"])])
    models = {"area": taught("area", "lamps", **{"": 2.0})}

    assert Sorter(areas=areas).sort(said()).area == "doors"
    assert Sorter(areas=areas, models=models).sort(said()).area == "lamps"


def test_a_team_stands_above_the_words_of_areas():
    areas = read_areas([("doors", ["lamp"])])

    assert Sorter(areas=areas, rules=by_rule(area="halls").rules).sort(said()).area == "halls"
