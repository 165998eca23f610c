"""Every length of time in a question is said in the same way: as ISO 8601 has it, with months and years; its bounds are named."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from opsloop_metrics.attributions.schemas import AttributionIn
from opsloop_metrics.churns.schemas import ChurnIn
from opsloop_metrics.funnels.schemas import FunnelIn

pytestmark = pytest.mark.quick
ASKED = {
    "window": (FunnelIn, {"steps": [{"event": "A"}, {"event": "B"}]}),
    "lookback": (AttributionIn, {"conversion": {"event": "A"}}),
    "inactive_for": (ChurnIn, {}),
}
BOUNDS = {"lookback": "must be between PT1S and P365D", "inactive_for": "must be between PT1H and P365D"}


def read(field, value):
    """Return what a question takes a duration for."""
    schema, query = ASKED[field]
    return getattr(schema.model_validate(query | {field: value}), field)


def refused(field, value):
    """Return in which words a question refuses a duration."""
    with pytest.raises(ValidationError) as found:
        read(field, value)
    [error] = found.value.errors()
    assert error["loc"] == (field,)
    return error["msg"].removeprefix("Value error, ")


@pytest.mark.parametrize("field", ASKED)
@pytest.mark.parametrize(
    ("value", "days"),
    [("P1M", 30), ("P12M", 360), ("P1Y", 365), ("P2M3D", 63), ("P3W", 21), ("P1MT12H", 30.5), ("PT24H", 1)],
)
def test_months_and_years_are_taken_everywhere(field, value, days):
    assert read(field, value) == timedelta(days=days)


@pytest.mark.parametrize("field", BOUNDS)
@pytest.mark.parametrize("value", ["P2Y", "P13M", "P366D", "P1YT1S", "PT0S"])
def test_what_is_out_of_bounds_is_told_the_bounds(field, value):
    assert refused(field, value) == BOUNDS[field]


@pytest.mark.parametrize("field", ASKED)
@pytest.mark.parametrize("value", ["soon", "P", "1M", "P1M2Y", "P-1M", "PT", "P1.5M", "P99999Y", 30, None])
def test_what_is_no_duration_is_told_what_one_is(field, value):
    assert refused(field, value) == "must be an ISO 8601 duration such as PT1H or P7D"
