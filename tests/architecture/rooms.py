"""The import-linter contract of a service's rooms: which modules there are, which may know which, and how rooms enter each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

DOORS = ("routes", "consumers", "timers")
HEIGHT = (
    {"slice": 50}
    | dict.fromkeys(DOORS, 40)
    | {"service": 30, "queries": 20, "models": 10, "schemas": 10, "meters": 10, "rules": 0}
)
"""Who stands higher may know who stands lower. `slice` declares the room, so it knows the doors, and only `app` knows it."""
ENTRANCES = frozenset({"service", "rules"})
NOT_BELOW = {("service", "schemas"), ("queries", "schemas")}
"""What the heights would allow and we do not: use cases and queries know nothing of HTTP shapes."""


class Further(NamedTuple):
    """A module of a room that has none of the usual names: where it stands among them, and why it is one."""

    height: int
    reason: str


FURTHER = {
    "feedback.files.drawing": Further(-10, "draws a small picture, as a process of its own that may not take us along"),
    "feedback.files.pictures": Further(25, "begins and ends that process"),
    "feedback.files.scanning": Further(25, "asks ClamAV, in its protocol"),
    "feedback.letters.reading": Further(5, "reads one mail by libraries, as a process of its own that may not hold us"),
    "feedback.items.counting": Further(22, "counts posts by labels in one bounded statement, apart from finding them"),
    "feedback.clusters.finding": Further(
        35, "looks for topics, as long work in turns; what people say of them stands apart"
    ),
    "feedback.intake.quick": Further(25, "the fast path of one use case, in one statement below SQLAlchemy"),
    "feedback.chats.streaming": Further(
        35, "the answer that goes on while a visitor watches, apart from asking for it"
    ),
    "feedback.csat_pages.layout": Further(5, "the page as HTML"),
    "feedback.csat_pages.words": Further(-20, "data: what the page says, in two languages"),
    "feedback.form_pages.layout": Further(5, "the page as HTML"),
    "feedback.form_pages.words": Further(-20, "data: what the page says, in two languages"),
    "feedback.widget.page": Further(-10, "the script that shows a form on somebody's page"),
    "feedback.import_formats.headings": Further(-20, "data: what exports of other products call things"),
    "feedback.feedback_imports.reading": Further(25, "what one row says, by the shape that the contract shows"),
    "feedback.terms.stems": Further(-10, "the endings that English words lose"),
    "feedback.terms.glossary": Further(-20, "data: what is called what in two languages"),
    "feedback.terms.stopping": Further(-20, "data: words that say nothing, and words that deny"),
    "feedback.triage.scanner": Further(-10, "finds the lexicon's words in a text, for the rules"),
    "feedback.triage.words": Further(-20, "cuts Chinese into words, which a table of them has to be loaded for"),
    "feedback.triage.lexicon_en": Further(-20, "data: one language's words"),
    "feedback.triage.lexicon_zh": Further(-20, "data: one language's words"),
    "feedback.triage.lexicon": Further(-30, "what an entry of any language's lexicon is"),
    "feedback.verdicts.patterns": Further(-10, "finds the shapes of both languages in a text, for the rules"),
    "feedback.verdicts.shapes_en": Further(-20, "data: one language's shapes"),
    "feedback.verdicts.shapes_zh": Further(-20, "data: one language's shapes"),
    "feedback.triage.traditional": Further(-30, "data: traditional characters and their simplified ones"),
    "metrics.alarms.lasting": Further(
        5, "how much has to leave before a threshold is crossed, apart from what a look says"
    ),
    "metrics.charts.bars": Further(-10, "one kind of picture"),
    "metrics.charts.drawn": Further(-7, "what drawers take and return"),
    "metrics.charts.flows": Further(-10, "one kind of picture"),
    "metrics.charts.grids": Further(-10, "one kind of picture"),
    "metrics.charts.lines": Further(-10, "one kind of picture"),
    "metrics.charts.ranking": Further(-5, "the insights whose answers are ranked"),
    "metrics.charts.ranks": Further(-10, "one kind of picture"),
    "metrics.funnels.walking": Further(25, "the exact pass in a process of its own, apart from what is asked of it"),
    "metrics.funnels.ways": Further(15, "who went through a funnel, as SQL, apart from what is asked of them"),
    "metrics.funnels.chaining": Further(10, "the chains of one subject, as SQL over arrays"),
    "metrics.recording.writer": Further(25, "the loop that commits what many requests brought, together"),
    "metrics.saved_insights.keeping": Further(5, "the newest answers, in the memory of the process"),
    "metrics.visits.agents": Further(-10, "what a user agent says, by libraries"),
    "metrics.visits.channels": Further(-10, "how somebody was brought, by what is known of the link"),
    "metrics.visits.pages": Further(-10, "reads the address of a page"),
    "metrics.visits.sources": Further(-20, "data: hosts and names of search engines, networks and shops"),
    "metrics.events.dividing": Further(
        25, "what a selection comes to by the values of fields, one statement by itself"
    ),
    "metrics.event_files.messages": Further(-10, "what one row says, apart from cutting a file into rows"),
    "metrics.event_imports.tables": Further(25, "who reads and takes rows that are no events, apart from the jobs"),
    "metrics.segments.writing": Further(
        25, "writes who came and left in bulk, with what is told of it, apart from deciding it"
    ),
    "metrics.people.writing": Further(25, "writes what became of a block's persons in bulk, apart from deciding it"),
    "notifications.alerts.pages": Further(40, "a door for people: the page behind the link of a mail"),
    "notifications.calling.caller": Further(35, "what the queue's engine calls to make calls"),
    "notifications.deliveries.lines": Further(25, "what goes one after the other, apart from what queues and ends it"),
    "notifications.deliveries.planning": Further(25, "queues deliveries, as parts of others' statements too"),
    "notifications.endpoints.consenting": Further(25, "endpoints that are enabled by their consent alone"),
    "notifications.eventlog.waiting": Further(35, "answers that wait for events, apart from asking for them"),
    "notifications.formats.answers": Further(-10, "what bots answer"),
    "notifications.formats.chats": Further(-10, "the messages of chats"),
    "notifications.formats.pagers": Further(-10, "the events of pagers"),
    "notifications.formats.words": Further(-20, "what is said, whoever is told"),
    "notifications.formats.sentences": Further(-30, "data: sentences of two languages"),
    "notifications.formats.texts": Further(-30, "texts of others, cut and without markup"),
    "notifications.bounces.reading": Further(5, "reads what mail servers send back, by a library and within bounds"),
    "notifications.dns_records.__main__": Further(40, "a command, that prints what DNS has to say of the keys"),
    "notifications.recipients.learning": Further(5, "whose word of a person goes over whose, apart from what a row is"),
    "notifications.mail.dialogue": Further(24, "what is said to a mail server, line by line"),
    "notifications.mail.holding": Further(25, "how long mail waits for a server that refuses us, and who is told"),
    "notifications.mail.pacing": Further(20, "how many mails a second a server gets"),
    "notifications.mail.server": Further(27, "one mail server, apart from which of several is asked"),
    "notifications.mail.writing": Further(25, "writes the mail's bytes, apart from handing them to a server"),
    "notifications.portal.layout": Further(5, "the page as HTML"),
    "notifications.portal.words": Further(-20, "data: what the page says, in two languages"),
    "notifications.in_app.page": Further(-10, "the script that shows an inbox on somebody's page"),
    "notifications.in_app.streaming": Further(
        35, "the answer that goes on while somebody watches, apart from asking for it"
    ),
    "notifications.messages.calls": Further(26, "what is recorded of notifications that are said by calls"),
    "notifications.messages.stopping": Further(
        27, "messages are taken back, paused and resumed, apart from making them"
    ),
    "notifications.messages.mails": Further(25, "mails as the queue's engine takes and records them"),
    "notifications.posting.sender": Further(35, "what the queue's engine calls to hand mails over"),
    "notifications.recipient_imports.reading": Further(25, "what one row says, by the shape that the contract shows"),
    "notifications.wording.layout": Further(-10, "the frame that a mail's HTML stands in"),
    "notifications.wording.markdown": Further(-10, "Markdown as HTML and as text, by a library"),
    "notifications.wording.sandbox": Further(-10, "Liquid, by a library, within bounds"),
    "notifications.ways.chats": Further(-10, "chats, in the protocols of their bots"),
    "notifications.ways.port": Further(-30, "what all ways out have in common"),
    "notifications.ways.sms": Further(-10, "any provider of SMS, as its owner describes it"),
    "notifications.ways.statuses": Further(-20, "what an HTTP status says"),
    "notifications.ways.web_push": Further(-10, "browsers: sealed and signed"),
    "notifications.sending.calls": Further(15, "a call as sender and use cases hand it to each other"),
    "notifications.sending.sender": Further(35, "what the queue's engine calls to make calls"),
}


class Root(NamedTuple):
    """A module beside the rooms: which modules of rooms it may know, which may know it, and why it is in no room."""

    knows: frozenset[str]
    known_by: frozenset[str]
    reason: str


ANY = frozenset({*HEIGHT, "further"})
NONE: frozenset[str] = frozenset()
ROOTS = {
    "__main__": Root(NONE, NONE, "runs the service"),
    "app": Root(frozenset({"slice", "routes", "service", "further"}), NONE, "lists the rooms and fills the ports"),
    "settings": Root(frozenset({"rules"}), ANY, "what the service reads from its environment"),
    "doors": Root(ENTRANCES, frozenset({"routes"}), "what the doors of all vendors, and of several rooms, share"),
    "insights": Root(NONE, ANY, "what all insights share: the time they look at, filters as SQL, and how they ask"),
    "canvas": Root(
        NONE,
        frozenset({"routes", "rules", "further"}),
        "what all pictures are drawn, painted and answered with, and their words",
    ),
    "store": Root(NONE, ANY, "the port of the event store and its engines, which know no room"),
    "tables": Root(NONE, frozenset({"models"}), "the base of all tables"),
    "migrations": Root(ANY, NONE, "one history for the one database"),
    "ports": Root(ENTRANCES, frozenset({*DOORS, "service"}), "what the service keeps open for all its rooms"),
    "shapes": Root(frozenset({"rules"}), frozenset({"routes", "schemas"}), "HTTP shapes that rooms share"),
    "definitions": Root(
        frozenset({"rules"}),
        frozenset({"schemas"}),
        "HTTP shapes of whom a segment means, twice what else a segment is",
    ),
}
"""A closed list: what is not in it belongs into a room."""


def unknown(module: str) -> str | None:
    """Say why a module may not be where it is, or None. `module` is no package, or one that stands for a module."""
    inside = module.split(".")[1:]
    if not inside or root_of(module) is not None:
        return None
    if len(inside) == 1:
        return "what is in no room is one of a closed list"
    return (
        None if height_of(module) is not None else "a room's modules have fixed names; list another one with its reason"
    )


def root_of(module: str) -> Root | None:
    """Return what is said of a module beside the rooms, or None of one in a room."""
    return ROOTS.get(module.split(".")[1]) if "." in module else None


def height_of(module: str) -> int | None:
    """Return where a module of a room stands; one in a package stands where the package does."""
    parts = module.split(".")[:3]
    if parts[-1] in HEIGHT:
        return HEIGHT[parts[-1]]
    further = FURTHER.get(".".join(parts).removeprefix("opsloop_"))
    return further and further.height


def violation(importer: str, imported: str) -> str | None:
    """Say what is wrong with one module importing another, or None. Only modules of one service count."""
    here, there = importer.split("."), imported.split(".")
    if len(here) < 2 or len(there) < 2 or here[0] != there[0]:
        return None
    above, below = root_of(importer), root_of(imported)
    if below is not None:
        return None if above is not None or _role(here) in below.known_by else f"{_role(here)} must not know {there[1]}"
    if above is not None:
        return None if _role(there) in above.knows else f"{here[1]} must not know {_role(there)} of a room"
    if here[1] != there[1]:
        return _entering(there)
    return _within(importer, imported)


def _role(parts: list[str]) -> str:
    """Return which kind of module of a room it is."""
    name = parts[2] if len(parts) > 2 else ""
    return name if name in HEIGHT else "further"


def _entering(there: list[str]) -> str | None:
    is_entrance = len(there) == 3 and there[2] in ENTRANCES
    return (
        None if is_entrance else f"another slice is entered through its {' or '.join(sorted(ENTRANCES, reverse=True))}"
    )


def _within(importer: str, imported: str) -> str | None:
    role, wanted = importer.split(".")[2:3], imported.split(".")[2:3]
    here, there = height_of(importer), height_of(imported)
    if role == wanted or here is None or there is None:
        return None
    if there >= here:
        return f"{role[0]} must not know {wanted[0]}"
    if (role[0], wanted[0]) in NOT_BELOW:
        return f"{role[0]} must not know HTTP shapes"
    return None


def modules_of(graph: ImportGraph, service: str) -> Iterator[str]:
    """Return a service's modules, rooms themselves left out: their packages are empty."""
    rooms = {
        module for module in graph.find_children(service) if graph.find_children(module) and root_of(module) is None
    }
    yield from sorted(graph.find_descendants(service) - rooms)


class RoomsContract(Contract):
    """Checks every module and every import inside the given services."""

    type_name = "rooms"

    services = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Look at each module and each direct import once."""
        services: list[str] = self.services  # type: ignore[assignment]
        found = []
        for importer in (module for service in services for module in modules_of(graph, service)):
            found += [f"{importer}: {reason}"] if (reason := unknown(importer)) else []
            found += [
                f"{importer} -> {imported}: {reason}"
                for imported in sorted(graph.find_modules_directly_imported_by(importer))
                if (reason := violation(importer, imported))
            ]
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print one line per violation."""
        for line in check.metadata["found"]:
            output.print_error(line, bold=False)
