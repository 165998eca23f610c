"""Every bound on what strangers send, hold or cause, in one place. `docs/limits.md` says of each what the caller is told.

A bound that a person running OpsLoop may want to change is a setting (`settings.py`) whose default stands here.
"""

from __future__ import annotations

# What comes in: bodies, texts, numbers
BODY_BYTES = 1024 * 1024
BATCH_BYTES = 8 * 1024 * 1024
JSON_LEVELS = 35  # a field may have 32 levels, also in an item of a batch: object, list, object, then the field
JSON_CONTAINERS = 25_000
"""Objects and lists of one body, counted before any is made: 8 MiB of `[],` were 2,800,000 and took 7.7 s."""
JSON_VALUES = 50_000
"""Commas and colons outside texts: about as many values."""
AUDIENCE_VALUES = 110_000  # 100,000 ids and what stands around them
BATCH_CONTAINERS = 50_000
BATCH_VALUES = 250_000  # of a row in 1,000: 100 names with a value each, and some
CAPTURE_BYTES = 20 * 1024 * 1024
"""Of what clients of product analytics send, unpacked; theirs cut batches at 0.5 to 5 MB."""
CAPTURE_CONTAINERS = 200_000
CAPTURE_VALUES = 1_000_000
EVENT_BYTES = 512 * 1024  # half of Kafka's default message limit, so that the relay never meets a refusal
EVENT_CONTAINERS = 5_000
EVENT_VALUES = 20_000
UNKNOWN_NAMES = 20  # of one object; beyond them only one error says so
ERRORS_SHOWN = 20
ERRORS_SHOWN_OF_A_ROW = 5
QUERY_PARAMETERS = 200
QUERY_BYTES = 32 * 1024
MARKS_IN_A_ROW = 30
"""Combining marks after one character, as the Stream-Safe Text Format of UAX #15 has it; a normaliser sorts them, quadratically."""
EXPANDING_CHARACTERS = 1_000
"""Characters of one text that compatibility writes as three or more (U+FDFA as 18)."""
LOOP_SLICE_SECONDS = 0.001  # of long work in the event loop, between two of which others go on
LOOP_BREATH_SECONDS = 0.002  # the same inside a transaction, which waits for no turn

LIST_CHARACTERS = 4_000_000
"""Of one page of a list, 64 for each value besides: the row that reaches them is its last."""

FACET_POSTS = 50_000
"""The newest posts that are looked at to count by labels."""
FACET_POSTS_BY_TEXT = 5_000
"""Where a text is looked for in each."""
FACET_CHECKS = 250_000
"""Views that are counted together look at so many posts, each at its share."""
FACET_VALUES = 100
VIEW_QUERY_CHARACTERS = 4_000
VIEWS_PER_WORKSPACE = 500

BULK_CHANGES_AT_ONCE = 5
BULK_PREVIEW_POSTS = 1_000

COMPRESSED_BYTES = 1024  # smaller answers are sent as they are
COMPRESSED_INLINE_BYTES = 32 * 1024  # larger ones are compressed in a thread

PAGE_FORM_BYTES = 64 * 1024
PAGE_FORM_FIELDS = 100

# Connections, heads, and how long a peer may take
# … what somebody whom we call may answer (webhook endpoints)
CALL_SECONDS = 15.0
CALL_ANSWER_BYTES = 64 * 1024  # head, body, chunk lines and trailers together
CALL_BODY_BYTES = 16 * 1024  # of it, what is kept of a body
CALL_HEADERS = 64
CALL_LINE_BYTES = 32 * 1024
CALL_INTERIM_ANSWERS = 4  # 100 Continue, 103 Early Hints
CALL_RECEIVE_BUFFER_BYTES = 8 * 1024  # in the kernel: what can come in one turn of the loop, also as TLS
CALL_PARSE_SLICE_BYTES = 1024
CALL_PARSE_TURN_SECONDS = 0.001  # for all connections together, between two turns of the loop
CALLS_AT_ONCE = 512  # of a process; 10,000 of endpoints that hang would be more than it may open files
CALLS_KEPT = 128  # of them, for workspaces that held few lately
# … the mail server
CHANNEL_CALLS_AT_ONCE = 128  # of a process, besides those of webhooks
CHANNEL_CALLS_KEPT = 32
MAIL_CONNECTIONS = 20
MAIL_CONNECTIONS_KEPT = 4
MAIL_SECONDS = 60.0  # one mail, from the connection to the last answer
MAIL_REPLY_SECONDS = 30.0
# … the issuer of tokens
ISSUER_SECONDS = 5.0  # both documents together
ISSUER_DOCUMENT_BYTES = 256 * 1024  # on the wire, with its head
ISSUER_DOCUMENT_LINES = 3_000
ISSUER_READ_BYTES = 1024  # at a time; others run between two reads
ISSUER_KEYS = 50
ISSUER_KEY_CHARACTERS = 1_366  # 8192 bits

DATABASE_STATEMENT_SECONDS = 4.0  # a setting: of requests, consumers, claims and heartbeats
DATABASE_READ_SECONDS = (
    2.0  # a setting: of GET requests, which somebody can narrow; lists and charts take 0.3 s at most here
)
DATABASE_WORK_SECONDS = 30.0  # a setting: of due work, pruning and counting, which may read much
DATABASE_MIGRATION_SECONDS = 3600.0
DATABASE_GRACE_SECONDS = 0.5  # a server that lives ends a statement itself, and the connection stays
DATABASE_CONNECT_SECONDS = 3.0
DATABASE_CHECKOUT_SECONDS = 3.0
DATABASE_QUIET_SECONDS = 1.0  # a connection that was not used for this long proves itself first
DATABASE_PROOF_SECONDS = 1.0
DATABASE_CLOSE_SECONDS = 1.0
DUE_TRANSACTIONS = 5
"""Due rows of a service's process that are handled at once, jobs apart; of the last two …"""
DUE_KEPT = 1  # … one is left to workspaces, one to kinds that held little lately
LONG_TRANSACTIONS = 3
"""Of a service's process, for all its long work together, however many jobs run: their statements may take 30 s."""
WORK_CONNECTIONS = DUE_TRANSACTIONS + LONG_TRANSACTIONS + 2  # one for measuring, one for the repair of what recurs
REQUEST_CONNECTIONS = 8  # of a pool's 10: consumers, claims and look-ups of credentials have the others
HEAVY_CONNECTIONS = 4  # of those 8, for all workspaces together that ask for much
HEAVY_READS = 1  # of those 4: each may keep a core of PostgreSQL for as long as its statement takes
LIGHT_REQUESTS = 2  # of one workspace at once; more at once are heavy
LIGHT_REQUESTS_LATELY = 0.5  # of one workspace on average: five a second that take 100 ms each
SHARE_SECONDS = 10.0  # nothing is held meanwhile: 16 batches of 1,000 rows at once all land
DATABASE_IDLE_IN_TRANSACTION_SECONDS = 10.0
DATABASE_CLIENT_CHECK_SECONDS = 2.0  # a server that works for somebody who has left stops then
TCP_IDLE_SECONDS = 5
TCP_INTERVAL_SECONDS = 2
TCP_PROBES = 3
TCP_UNACKNOWLEDGED_SECONDS = 10
LOCK_HOLDER_PROOF_SECONDS = 1.5
LOCK_HOLDER_IDLE_SECONDS = 6.0  # then the server ends the session, and another relay gets its lock
LISTENER_PROOF_SECONDS = 3.0
READINESS_SECONDS = 3.0
READINESS_KEPT_SECONDS = 1.0
KAFKA_REQUEST_SECONDS = 8.0
MAIL_CONNECT_SECONDS = 10.0
MAIL_QUIET_SECONDS = 1.0
MAIL_PROOF_SECONDS = 2.0
HEAD_BYTES = 64 * 1024
HEAD_LINES = 100
TARGET_BYTES = 8 * 1024  # of the request line; a cursor has up to 2,000 of them
HEAD_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 75.0  # longer than the 60 s for which usual gateways keep theirs: they, not we, close first
PIPELINED_REQUESTS = 16
# whoever sends a body or reads an answer: so slowly at most, after so long
LEAST_BYTES_PER_SECOND = 16 * 1024
GRACE_SECONDS = 10.0
# … and a body has come whole after so long, and its size (unannounced: that of a batch) at so many a second: 8 MiB in 92 s
BODY_SECONDS = 60.0
BODY_BYTES_PER_SECOND = 256 * 1024
CLOSING_SECONDS = 5.0
# chunk sizes, extensions and trailers of a chunked body: each chunk is a call of ours
CHUNK_FRAMING_BYTES = 32 * 1024
CHUNK_FRAMING_SHARE = 1 / 8
IGNORED_HEAD_BYTES = 256 * 1024
IGNORED_BODY_BYTES = 9 * 1024 * 1024  # after an early answer, so that who sends first and reads then still reads it
SMALL_BODY_BYTES = 64 * 1024  # not counted below; a connection may have as much in hand before anybody asks for it
BODY_BYTES_PER_KEY = 32 * 1024 * 1024
BODY_BYTES_PER_ADDRESS = 64 * 1024 * 1024
BODY_BYTES_PER_PROCESS = 128 * 1024 * 1024
UNREAD_ANSWER_BYTES = 128 * 1024 * 1024
CONNECTIONS = 4_096
CONNECTIONS_PER_ADDRESS = 1 / 2  # of those that the process holds
RESERVED_FILES = (
    256  # of the file limit, for PostgreSQL, Kafka, webhooks, logs: 40 are open when nobody asks for anything
)

QUEUE_HELD = 10_000
"""Rows of one queue that a process holds in memory, at work or waiting for a place."""
QUEUE_HELD_KEPT = 2_000

# What one cause, key or workspace may set off

RATE_PER_SECOND = 1_000  # a secret key or a person; settings
RATE_BURST = 5_000
WORKSPACE_RATE_SHARE = 2  # all credentials of a workspace together may ask as fast as so many
PROCESS_RATE_SHARE = 5  # and all of a service's process as fast as so many
PUBLISHABLE_RATE_PER_SECOND = 200  # one key for all browsers of a shop
PUBLISHABLE_RATE_BURST = 1_000
USER_RATE_PER_SECOND = 10  # one end user
USER_RATE_BURST = 50
VISITOR_RATE_PER_SECOND = 20  # an address, of pages
VISITOR_RATE_BURST = 200
KEYLESS_PER_SECOND = 200  # an address, of all that is asked without a key, or needs none, but the probes
KEYLESS_AT_ONCE = 2_000
KEYLESS_IN_A_TURN = 2  # are started in one turn of the event loop: 100 connections ask in one
LARGE_READ_BYTES = 64 * 1024  # at least; who sent so much at once is read on when its turn comes
LARGE_READS_IN_A_TURN = 2  # of up to 256 KiB

PUBLISHABLE_ROWS_PER_DAY = 10_000
PUBLISHABLE_BYTES_PER_DAY = 64 * 1024 * 1024
PUBLISHABLE_ORIGINS = 20
USER_TOKEN_BYTES = 4_096
USER_TOKEN_HOURS = 24

CREDENTIALS_KEPT = 10_000  # in the cache of each service's process, and as many ids that name nothing
STRANGERS_AT_ONCE = 2  # look-ups of unknown credentials; the pool has 10 connections
STRANGERS_WAITING = 100
STRANGER_MISSES_PER_SECOND = 20  # an address (a /64 of IPv6)
STRANGER_MISSES_AT_ONCE = 200
STRANGER_ADDRESSES = 10_000
SPENDS_AT_ONCE = 2  # publishable keys whose quotas are counted at once, a connection each
SPEND_SECONDS = 3.0  # as long as for a free connection

POSTGRES_LOG_BYTES = 10 * 1024 * 1024
"""Size at which the embedded PostgreSQL begins a new log file."""
POSTGRES_LOG_FILES = 5
"""Log files of the embedded PostgreSQL that are kept, the newest."""
TRACE_SPANS_WAITING = 4_096
"""Spans of a process that wait for the collector: about 4 MB."""
TRACE_STATEMENT_CHARACTERS = 2_000
TRACE_EXPORT_SECONDS = 5.0
TRACE_FLUSH_SECONDS = 3.0
LINK_DAYS = 90
PAGE_SESSION_SECONDS = 3600

CAUSE_DEPTH = 5
"""How many events away from what people did an event may still launch something: whoever builds a circle gets five rounds."""
CAUSE_CAMPAIGNS_PER_HOUR = 10
"""Campaigns that playbooks launch because of one first event. A loop of the team's own has one or two."""
CAUSE_MESSAGES_PER_HOUR = 10_000
"""People told because of one first event: the largest audience of a playbook, once."""
PLAYBOOK_LAUNCHES_PER_HOUR = 60
WORKSPACE_LAUNCHES_PER_HOUR = 600
WORKSPACE_MESSAGES_PER_HOUR = 100_000
"""What all playbooks of a workspace launch: one campaign of the largest audience that a person may write."""
PLAYBOOK_WAITING = 100
"""Campaigns of one playbook that wait for a person: more than anybody looks through, each up to 10,000 ids in the database."""
WORKSPACE_WAITING = 500
PLAYBOOKS_PER_WORKSPACE = 200
"""All that listen to an event's type are read and may be locked for it."""
MONITORS_PER_WORKSPACE = 500
"""One event makes each monitor of its type look again."""
KPIS_PER_WORKSPACE = 1_000
"""Each is measured every minute or quarter of an hour, and all formulas are read when one is changed."""
OBJECTIVES_PER_WORKSPACE = 500
KEY_RESULTS_PER_OBJECTIVE = 20
"""A look at an objective asks for the KPI of each."""
OBJECTIVE_LEVELS = 3
COMPETITORS_PER_WORKSPACE = 200
COMPETITOR_SERIES_PER_WORKSPACE = 500
COMPETITOR_SERIES_PULLED = 100
COMPETITOR_POINTS = 100_000
"""Of one series."""
PERSONA_VERSIONS = 1_000
MAINTENANCE_WINDOWS_PER_WORKSPACE = 1_000
"""Those that are active are read at each look of a monitor."""
REPEATING_WINDOWS_PER_WORKSPACE = 100
"""Of those that repeat all times of seven months are counted, where anomalies are looked for."""
WEBHOOKS_PER_WORKSPACE = 100
WEBHOOKS_PER_SOURCE = 10
"""One event is delivered to each endpoint that hears its type."""
ALERTS_FIRING = 5_000
"""Of a workspace at once; a look at a group may read all of them."""
ALERTS_AT_ONCE = 1_000
"""Of one `POST /api/v2/alerts`."""
ALERT_LABELS = 50
ALERT_ANNOTATIONS = 30
ALERT_GROUPS = 1_000
"""Of a workspace: each is looked at every few minutes."""
ALERT_RULES_PER_WORKSPACE = 100
"""Each event is held against all of them."""
ALERT_ROUTES_PER_WORKSPACE = 100
TAXONOMY_AREAS_PER_WORKSPACE = 500
TRIAGE_RULES_PER_WORKSPACE = 100
"""Each post is held against all of them."""
SILENCES_PER_WORKSPACE = 500
"""Those that are not over: each alert of a group is held against them at each look."""
INHIBITION_RULES_PER_WORKSPACE = 50
"""For each whose targets are in a group, all that fires is gone through at a look."""
SCHEDULES_PER_WORKSPACE = 100
HEARTBEATS_PER_WORKSPACE = 500
OVERRIDES_PER_SCHEDULE = 100
"""Those that are not over."""
ESCALATION_POLICIES_PER_WORKSPACE = 100
"""Each alert that begins to fire is held against all of them."""
CALENDARS_PER_WORKSPACE = 100
CALENDAR_DATES = 1_000  # days unlike their weekday: all are read whenever a clock is worked out by it
TEAMS_PER_WORKSPACE = 200
SLA_POLICIES_PER_WORKSPACE = 100  # each post that comes in is held against all of them, and of these
ROUTING_RULES_PER_WORKSPACE = 200
CANNED_REPLIES_PER_WORKSPACE = 1_000
MACROS_PER_WORKSPACE = 500
WATCHERS_PER_FEEDBACK = 100
FORMS_PER_WORKSPACE = 200
FORM_FIELDS = 20  # with their longest answers they come to less than PAGE_FORM_BYTES, so that nothing typed is refused as too large
FORM_OPTIONS = 20
FORM_SENDS_AT_ONCE = 10  # from one address by one form, and then
FORM_SENDS_PER_MINUTE = 2
CHAT_MESSAGES = 500  # of one visitor in one chat
CHAT_MESSAGES_SHOWN = 200
CHATS_COUNTED = 1_000  # that wait before one
CHAT_STREAMS = 2_000  # of a process
CHAT_STREAMS_PER_WORKSPACE = 500
CHAT_STREAMS_PER_CHAT = 5
CHAT_READS = 2  # for all who watch in a process at once
TOPICS_PER_WORKSPACE = 100
SYNONYM_GROUPS_PER_WORKSPACE = 200
"""All of them stand on the page of each person's links."""
REJECTIONS_PER_MINUTE = 100
"""Refused messages of a workspace's requests of which all is kept; of more only the number."""
REJECTIONS_KEPT = 100_000
"""Of a workspace, the newest: at most 3 GB, if each is as large as may be."""
REJECTION_RAW_BYTES = 32 * 1024
REJECTION_DAYS = 30
IMPORT_BYTES = 200 * 1024 * 1024
IMPORT_PART_BYTES = 16 * 1024 * 1024  # half of what one key's bodies may hold in memory
IMPORTS_AT_ONCE = 5
"""Files of a workspace that are being uploaded or read: so many may lie in the database."""
IMPORT_DAYS = 7
"""After so long a file that was never read to its end is forgotten."""
RECIPIENT_IMPORT_DAYS = 30
"""So long a file of recipients that was read can be undone, and is listed."""
FEEDBACK_IMPORT_DAYS = 30
"""So long a file of posts that was read can be undone, and is listed."""
IMPORT_ROW_BYTES = 1024 * 1024
IMPORT_CELL_CHARACTERS = 131_072  # what Python's csv reads in one cell
IMPORT_COLUMNS = 1_000
IMPORT_ERRORS = 10_000
"""Refused rows of one file that are kept; the others are counted."""

SEGMENTS_PER_WORKSPACE = 200
SEGMENT_LISTED = 1_000_000
"""People on a static list."""

ATTACHMENT_BYTES = 20 * 1024 * 1024
ATTACHMENTS_PER_MESSAGE = 10
ATTACHMENTS_BYTES_PER_WORKSPACE = 10 * 1024**3  # a setting: all files of a workspace together
ATTACHMENT_NAME_CHARACTERS = 120
ATTACHMENT_HOURS = 24
"""After so long a file that no post and no message names is removed."""
ATTACHMENT_LINK_SECONDS = 600
FILE_STORE_SECONDS = 60.0  # one file, to its store or from it
THUMBNAIL_PIXELS = 24_000_000
"""Of a picture that is made small: four bytes each while it is read."""
THUMBNAIL_SECONDS = 20.0
CLAMAV_SECONDS = 30.0
MAILBOXES_PER_WORKSPACE = 20
MAIL_BYTES = 28 * 1024 * 1024
"""Of one mail that comes in: as much as the largest file takes in it."""
MAIL_READ_SECONDS = 10.0
"""Of a processor, for one mail, by a process of its own."""
MAILS_PER_HOUR = 500  # of one mailbox
PARKED_MAIL_BYTES = 1024 * 1024  # of a mail that could not be read; of larger ones nothing is kept
PARKED_MAIL_DAYS = 14
RECEIVED_MAIL_DAYS = 400  # that a mail is known again, and what answers it is found by
IMAP_SECONDS = 60.0  # one look at a mailbox, from the connection to the last mail
IMAP_WAIT_SECONDS = 15.0  # one answer
IMAP_MAILS = 20  # that one look brings
IMAP_ANSWER_BYTES = 4 * 1024 * 1024  # of all lines of one look, besides mails

TEMPLATES_PER_WORKSPACE = 500
TEMPLATE_VERSIONS = 200
"""Of one template; none is thrown away while it is there."""
TEMPLATE_BYTES = 96 * 1024
"""All that a template says in all its languages."""
TEMPLATE_DATA_BYTES = 32 * 1024
TEMPLATE_DATA_LEVELS = 8
TEMPLATE_STEPS = 200_000
"""That all parts of what is said at once may take: looking up a value, a filter, a turn of a loop."""
TEMPLATE_MARKUP_CHARACTERS = 500
"""Of what stands between one pair of braces."""
TEMPLATE_LIST = 1_000
"""Things in a list that a filter works on."""
TEMPLATE_VALUE_CHARACTERS = 64 * 1024
TEMPLATE_OUTPUT_BYTES = 256 * 1024
PAYLOAD_TEMPLATE_CHARACTERS = 16_384
"""Of the template that an endpoint's payloads are written by."""
PAYLOAD_STEPS = 20_000
"""That one payload may take; each call has to wait for it."""
PAYLOAD_BYTES = 64 * 1024
PAYLOADS_AT_ONCE = 1
"""That a process writes by templates, in a thread: its loop goes on meanwhile."""
PAYLOADS_SHOWN = 20
"""Of the attempts of one delivery, the newest."""

CHANNELS_PER_WORKSPACE = 50
DEVICES_PER_PERSON = 10
"""Browsers that a person lets us wake; the one that was used longest ago makes room. One message calls all of them."""
SMS_TEMPLATE_BYTES = 8 * 1024
SMS_TEMPLATE_LEVELS = 6

MESSAGE_PEOPLE = 1_000
"""Whom one request tells something; more are a campaign."""
INBOX_STREAMS = 2_000
"""Of a process: half of the connections that it may hold."""
INBOX_STREAMS_PER_PERSON = 10
STREAM_SECONDS = 600.0  # then whoever watches asks again
STREAM_QUIET_SECONDS = (
    25.0  # a sign of life, and a look for what no wake-up told: shorter than the 30 s and 60 s of usual gateways
)
INBOX_READS = 2  # for all streams of a process at once; the pool has 10 connections
INBOX_CHANGES = 100  # of one person, read at a time
EVENT_WAITERS = 2_000
"""Who waits for events in a process, by polls and streams together."""
EVENT_WAITERS_PER_WORKSPACE = 500
EVENT_WAITERS_PER_CREDENTIAL = 250
EVENT_READS = 2  # for all who wait in a process at once
EVENT_STREAM_CHARACTERS = 64 * 1024
"""Of events that one stream holds in memory: a reader that takes nothing keeps them there."""
EVENT_WAIT_SECONDS = 30.0
INBOX_MARKED = 1_000
"""Entries of one person that one request changes."""
