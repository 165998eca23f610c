"""CloudEvents 1.0, structured JSON: one self-contained document for Kafka, the local bus, webhooks and the event log."""

from __future__ import annotations

import builtins
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeVar
from urllib.parse import quote
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from opsloop_common.clock import rfc3339
from opsloop_common.documents import has_long_number, read_document, surplus
from opsloop_common.limits import EVENT_CONTAINERS, EVENT_VALUES

CONTENT_TYPE = "application/cloudevents+json"
INTERNAL_STREAM = "/internal"
_INTERNAL_TOPIC = ".internal"


class EventData(BaseModel):
    """Base of every event's `data`. A subclass names its type and version, and the aggregate whose stream it belongs to.

    Within a version only optional fields are added; readers ignore fields they do not know.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", json_schema_serialization_defaults_required=False)

    type: ClassVar[str]
    version: ClassVar[int] = 1
    aggregate: ClassVar[str]
    """First part of subject and partition key; the second is the field `<aggregate>_id`."""
    route: ClassVar[str | None] = None
    """Where the producing service shows what the event is about, with names of fields in braces; None when nowhere."""
    is_internal: ClassVar[bool] = False
    """It carries texts or addresses of people, or is a word between services: it goes from service to service, and to nobody else."""

    def subject(self) -> str:
        """Return `<aggregate>/<id>`: what the event is about."""
        return f"{self.aggregate}/{getattr(self, f'{self.aggregate}_id')}"

    def stream(self) -> str:
        """Return the stream in which the event has its sequence; internal ones have their own, so that others see no gaps."""
        return f"{self.subject()}{INTERNAL_STREAM}" if self.is_internal else self.subject()

    def path(self) -> str | None:
        """Return the path at which the producing service shows what the event is about, None when it shows that nowhere."""
        return self.route and self.route.format_map(_Quoted(self))

    @classmethod
    def dataschema(cls) -> str:
        """Return the URN of this version's JSON Schema."""
        return f"urn:opsloop:schema:{cls.type}:{cls.version}"


class _Quoted:
    """The fields of an event as parts of an address: only those that a route names, since writing all takes longer than the rest."""

    def __init__(self, data: EventData) -> None:
        self._data = data

    def __getitem__(self, name: str) -> str:
        return quote(str(getattr(self._data, name)), safe="")


DataT = TypeVar("DataT", bound=EventData)


class Event(BaseModel):
    """One domain event as it travels. `sequence` runs 1, 2, 3 … per `partitionkey`, without gaps.

    Extension attributes of a newer producer are kept, so that the document stays the same wherever it is handed on.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str
    workspace: str
    actor: str
    partitionkey: str
    sequence: int = Field(ge=1)
    correlationid: str
    causationid: str | None = None
    causationdepth: int = Field(default=0, ge=0)
    """How many events led to this one; 0 when a person or a partner caused it."""
    causationroot: UUID | None = None
    """The first event of the chain that led to this one; absent when this one is the first."""
    traceparent: str | None = None
    link: str | None = None
    """Where to GET what the event is about; absent when the producer has no public address or shows it nowhere."""
    data: dict[str, JsonValue]

    @property
    def service(self) -> str:
        """Return the producing service's name, the last part of `source`."""
        return self.source.rpartition("/")[2]

    @property
    def is_history(self) -> bool:
        """Say whether it tells what came with a file of earlier times: nobody is alerted or written to because of it."""
        return self.data.get("import_id") is not None

    @property
    def root(self) -> str:
        """Return the id of the first event of the chain: its own when nothing but a person led to it."""
        return str(self.causationroot or self.id)

    def parse(self, kind: builtins.type[DataT]) -> DataT:
        """Return `data` as the class of its type; raises pydantic's ValidationError when the producer broke the contract."""
        return kind.model_validate(self.data)

    def document(self) -> dict[str, Any]:
        """Return the JSON document, absent optional attributes left out."""
        document: dict[str, Any] = {
            "specversion": "1.0",
            "id": str(self.id),
            "source": self.source,
            "type": self.type,
            "subject": self.subject,
            "time": rfc3339(self.time),
            "datacontenttype": "application/json",
            "dataschema": self.dataschema,
            "workspace": self.workspace,
            "actor": self.actor,
            "partitionkey": self.partitionkey,
            "sequence": self.sequence,
            "correlationid": self.correlationid,
        }
        if self.causationid is not None:
            document |= {"causationid": self.causationid, "causationdepth": self.causationdepth}
        if self.causationroot is not None:
            document["causationroot"] = str(self.causationroot)
        if self.traceparent is not None:
            document["traceparent"] = self.traceparent
        if self.link is not None:
            document["link"] = self.link
        return document | (self.model_extra or {}) | {"data": self.data}

    def to_bytes(self) -> bytes:
        """Return the document as the bytes that every adapter carries."""
        return orjson.dumps(self.document())

    @classmethod
    def from_bytes(cls, body: bytes | str) -> Event:
        """Read a structured-mode document; raises a ValueError, pydantic's ValidationError included, for anything else."""
        raw = body.encode() if isinstance(body, str) else body
        if detail := surplus(raw, containers=EVENT_CONTAINERS, values=EVENT_VALUES):
            raise ValueError(detail)
        return cls.model_validate(read_document(raw)) if has_long_number(raw) else cls.model_validate_json(raw)


def topic_of(service: str, *, is_internal: bool = False, prefix: str = "opsloop") -> str:
    """Return the Kafka topic that one service's events go to, or its internal ones."""
    return f"{prefix}.{service}{_INTERNAL_TOPIC if is_internal else ''}"


def service_of(topic: str) -> str:
    """Return the service whose events a topic has."""
    return topic.removesuffix(_INTERNAL_TOPIC).rpartition(".")[2]
