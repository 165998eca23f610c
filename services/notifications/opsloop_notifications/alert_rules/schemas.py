"""HTTP shapes of alert rules, and of what clients of Alertmanager post."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from opsloop_common.conditions import place_in
from opsloop_common.filters import Filter
from opsloop_common.http.refusals import field_error
from opsloop_common.http.rows import Unread
from opsloop_common.http.schemas import (
    Duration,
    FilterTermOut,
    InModel,
    OutModel,
    Timestamp,
    absent,
    parse_timestamp,
    storable,
)
from opsloop_common.limits import ALERT_ANNOTATIONS, ALERTS_AT_ONCE
from opsloop_notifications.alert_rules.rules import Posted
from opsloop_notifications.labels.rules import NAME_PATTERN
from opsloop_notifications.shapes import LABEL_NAMES, MOST_LABELS, EventPattern, LabelName, Labels, map_contract

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[a-zA-Z_][a-zA-Z0-9_ .-]*$")]
Place = Annotated[str, *place_in("subject|source|type|actor|link")]
Places = Annotated[
    dict[LabelName, Place],
    Field(max_length=MOST_LABELS),
    map_contract(names=LABEL_NAMES, most=MOST_LABELS, value=TypeAdapter(Place).json_schema()),
]
ResolveAfter = Annotated[Duration, Field(ge=timedelta(minutes=1), le=timedelta(days=31))]


class AlertRuleIn(InModel):
    """A rule. Events of `event_types` for which all of `when` holds (conditions, `regex`, groups `all` and `any`) fire an alert, those
    of `resolve_types` end it.

    An alert is named by its labels: `alertname`, the rule's name, those of `labels`, and those that `labels_from` reads out of the
    event. With `incident_from` only the end of the same incident ends it; with `resolve_after` it ends by itself, unless such an event
    comes again. A rule named KpiBreached takes the place of the one that every workspace has; not `enabled`, of none.
    """

    name: Name
    enabled: bool = True
    event_types: Annotated[list[EventPattern], Field(min_length=1, max_length=20)]
    resolve_types: Annotated[list[EventPattern], Field(max_length=20)] = Field(default_factory=list)
    when: Filter = Field(default_factory=list)
    labels: Labels = Field(default_factory=dict)
    labels_from: Places = Field(default_factory=dict)
    annotations: Labels = Field(default_factory=dict)
    annotations_from: Places = Field(default_factory=dict)
    incident_from: Place | None = None
    resolve_after: ResolveAfter | None = None


class AlertRulePatch(InModel):
    """What to change; fields left out stay."""

    enabled: bool = Field(default_factory=absent)
    event_types: Annotated[list[EventPattern], Field(min_length=1, max_length=20)] = Field(default_factory=absent)
    resolve_types: Annotated[list[EventPattern], Field(max_length=20)] = Field(default_factory=absent)
    when: Filter = Field(default_factory=absent)
    labels: Labels = Field(default_factory=absent)
    labels_from: Places = Field(default_factory=absent)
    annotations: Labels = Field(default_factory=absent)
    annotations_from: Places = Field(default_factory=absent)
    incident_from: Place | None = None
    resolve_after: ResolveAfter | None = None


class AlertRuleOut(OutModel):
    """A rule."""

    id: UUID
    name: str
    enabled: bool
    event_types: list[str]
    resolve_types: list[str]
    when: list[FilterTermOut]
    labels: dict[str, str]
    labels_from: dict[str, str]
    annotations: dict[str, str]
    annotations_from: dict[str, str]
    incident_from: str | None
    resolve_after: Duration | None
    created_at: Timestamp
    updated_at: Timestamp


def _go_time(value: Any) -> datetime | None:
    # what Go writes for no time at all
    return (
        None if value is None or (isinstance(value, str) and value.startswith("0001-01-01")) else parse_timestamp(value)
    )


GoTime = Annotated[
    datetime | None,
    BeforeValidator(_go_time),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}),
]
Text = Annotated[str, StringConstraints(max_length=4_000), AfterValidator(storable)]
PostedName = Annotated[str, StringConstraints(max_length=100)]


class PostedAlert(BaseModel):
    """An alert as Prometheus and Grafana send it; what else they send is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    labels: Annotated[
        dict[PostedName, Text], Field(max_length=200, json_schema_extra={"propertyNames": {"pattern": NAME_PATTERN}})
    ]
    annotations: Annotated[dict[PostedName, Text], Field(max_length=ALERT_ANNOTATIONS)] = Field(default_factory=dict)
    starts_at: GoTime = Field(default=None, alias="startsAt")
    ends_at: GoTime = Field(default=None, alias="endsAt")
    generator_url: Annotated[str, StringConstraints(max_length=2_048), AfterValidator(storable)] = Field(
        default="", alias="generatorURL"
    )
    status: Annotated[str, StringConstraints(max_length=20)] | None = None


def read_posted(value: Any) -> Posted | str:
    """Return a posted alert as the rules have it, or what is wrong with it. Grafana says `resolved`; of one that fires it sends no end."""
    try:
        read = PostedAlert.model_validate(value)
    except ValidationError as refusal:
        item = refusal.errors(include_url=False)[0]
        error = field_error(item | {"loc": ("body", *item["loc"])}, value)
        return f"{error.pointer}: {error.detail}".removeprefix(": ")
    return Posted(read.labels, read.annotations, read.starts_at, read.ends_at, read.generator_url, read.status)


PostedList = Annotated[list[Unread[PostedAlert]], Field(max_length=ALERTS_AT_ONCE), Tag("list")]


class GrafanaWebhook(BaseModel):
    """What Grafana's and Alertmanager's own webhooks post: a group with its alerts."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    alerts: PostedList


def _kind(value: Any) -> str:
    return "webhook" if isinstance(value, dict | GrafanaWebhook) else "list"


PostedAlerts = Annotated[PostedList | Annotated[GrafanaWebhook, Tag("webhook")], Discriminator(_kind)]
