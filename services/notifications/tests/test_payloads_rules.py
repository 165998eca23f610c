"""What a template makes of an event: always JSON, never what the event's texts would make of it, within bounds."""

import json
import time
from contextlib import suppress

import pytest

from opsloop_common import limits
from opsloop_common.contracts.catalogue import PUBLIC
from opsloop_common.contracts.samples import sample
from opsloop_notifications.payloads.rules import Faulty, render, require_readable

EVENT = {
    "type": "kpi.breached",
    "data": {"name": 'he said "x\\" \n', "n": 3, "f": 1.5, "list": [1, {"a": 2}], "yes": True, "nothing": None},
}


def made(template, event=EVENT):
    return json.loads(render(template, event))


@pytest.mark.parametrize(
    ("template", "document"),
    [
        ('{"a": 1}', {"a": 1}),
        ('{"whole": {{ event.data.list }}}', {"whole": [1, {"a": 2}]}),
        ('{"name": {{ event.data.name }}}', {"name": 'he said "x\\" \n'}),
        ('{"name": "New: {{ event.data.name }}!"}', {"name": 'New: he said "x\\" \n!'}),
        ('{"{{ event.type }}": {{ event.data.yes }}}', {"kpi.breached": True}),
        ('{"a": {{ event.data.nothing }}, "b": "{{ event.data.nothing }}"}', {"a": None, "b": ""}),
        ('{"a": {{ event.data.n | plus: 1 }}, "b": {{ event.data.f | times: 2 }}}', {"a": 4, "b": 3.0}),
        ("[{% for x in event.data.list %}{{ x }}{% unless forloop.last %},{% endunless %}{% endfor %}]", [1, {"a": 2}]),
        ('{% if event.type == "kpi.breached" %}{"bad": true}{% else %}{"bad": false}{% endif %}', {"bad": True}),
        ('{"a": {{ event.data.lacking | default: 5 }}}', {"a": 5}),
        ('{"a": {{ (1..3) }}}', {"a": [1, 2, 3]}),
        ('"\\"{{ event.type }}\\\\"', '"kpi.breached\\'),
        ("{{ event }}", EVENT),
    ],
)
def test_what_templates_make(template, document):
    assert made(template) == document


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("", "no JSON"),
        ('{"a": ', "no JSON"),
        ('{"a":\n\n {{ event.type }} x}', "no JSON in its line 3"),
        ('{"a": 1}{"b": 2}', "no JSON"),
        ('{"a": NaN}', "no JSON"),
        ('{"a":\n {{ event.data.lacking }}}', "line 2: the data has no event.data.lacking"),
        ('{"a":\n "{{ event.data.lacking }}"}', "line 2: the data has no event.data.lacking"),
        ('{"a": "\\{{ event.data.name }}"}', "backslash"),
        ("{{ event.data.list.first | divided_by: 0 }}", "divide by 0"),
        ("[{% for x in event.data.list %}{{ forloop }}{% endfor %}]", "JSON does not have"),
        ("[{% for x in (1..1000) %}{% for y in (1..1000) %}1,{% endfor %}{% endfor %}1]", "too many steps"),
        ("[" + "[" * 6_000 + "]" * 6_000 + "]", "objects and lists"),
        ('{"a": "{% for x in (1..1000) %}' + "x" * 70 + '{% endfor %}"}', "limit"),
    ],
)
def test_what_cannot_be_sent(template, why):
    with pytest.raises(Faulty) as caught:
        render(template, EVENT)

    assert why in str(caught.value)


@pytest.mark.parametrize(
    "template", ["{{ event.a", "{% if event.a %}", "{% include 'x' %}", "{{ event.a | no_such }}", "{% raw %}"]
)
def test_what_cannot_be_read(template):
    with pytest.raises(Faulty):
        require_readable(template)


@pytest.mark.parametrize("kind", PUBLIC.values(), ids=PUBLIC)
def test_each_event_may_be_written_whole(kind):
    document = sample(kind).document()

    assert made('{"title": "{{ event.type }} {{ event.subject }}", "data": {{ event.data }}}', document) == {
        "title": f"{document['type']} {document['subject']}",
        "data": document["data"],
    }


@pytest.mark.parametrize(
    "template",
    [
        '{"a":"' + "{{ event.type }}" * 900 + '"}',
        "{% for b in (1..1000) %}{{ b | append: 'x' | upcase }}{% endfor %}",
        '["' + '{{ event.data.name | split: "a" | join: "b" }}' * 340 + '"]',
        "{% assign x = event.type %}{% for b in (1..900) %}{% assign x = x | append: x | slice: 0, 4000 %}{% endfor %}1",
        "{% if event.type %}" * 300 + "1" + "{% endif %}" * 300,
    ],
)
def test_the_dearest_take_no_longer_than_a_part_of_a_second(template):
    assert len(template) <= limits.PAYLOAD_TEMPLATE_CHARACTERS
    started = time.process_time()

    with suppress(Faulty):
        render(template, EVENT)

    assert time.process_time() - started < 0.5  # some 30 ms where nothing else is measured
