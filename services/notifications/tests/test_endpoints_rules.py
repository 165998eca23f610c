"""What an endpoint hears, and which may have a template, without a database."""

import pytest

from opsloop_common.errors import Invalid
from opsloop_notifications.endpoints.rules import hears, require_template


@pytest.mark.parametrize(
    ("patterns", "type", "heard"),
    [
        (["*"], "kpi.breached", True),
        (["kpi.*"], "kpi.breached", True),
        (["kpi.*"], "kpis.breached", False),
        (["kpi.breached"], "kpi.breached", True),
        (["kpi.breached"], "kpi.recovered", False),
        (["feedback.*", "kpi.recovered"], "kpi.recovered", True),
    ],
)
def test_patterns(patterns, type, heard):
    assert hears(patterns, type) is heard


@pytest.mark.parametrize("format", ["alertmanager", "slack", "feishu", "dingtalk", "wecom", "pagerduty"])
def test_only_events_as_they_are_may_be_written_anew(format):
    require_template("{{ event }}", "cloudevents")
    require_template(None, format)
    with pytest.raises(Invalid) as refused:
        require_template("{{ event }}", format)

    assert refused.value.errors[0].pointer == "/payload_template"
