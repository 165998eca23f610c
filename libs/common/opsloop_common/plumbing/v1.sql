-- The plumbing tables of version 1, as they were released: never edited, later steps alter them.

CREATE TABLE api_key (
    id UUID NOT NULL,
    workspace TEXT NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT[] NOT NULL,
    secret_hash BYTEA NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    last_used_at TIMESTAMP WITH TIME ZONE,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_api_key PRIMARY KEY (id)
);

CREATE INDEX ix_api_key_workspace ON api_key (workspace, id);

COMMENT ON COLUMN api_key.secret_hash IS 'SHA-256 of the 256-bit secret';

COMMENT ON COLUMN api_key.last_used_at IS 'saved at most once a minute';

CREATE TABLE audit (
    id UUID NOT NULL,
    workspace TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    before JSONB,
    after JSONB,
    correlationid TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_audit PRIMARY KEY (id)
);

CREATE INDEX ix_audit_workspace ON audit (workspace, id);

COMMENT ON TABLE audit IS 'append-only: the role that serves requests may neither change nor delete rows';

CREATE TABLE delivery_cursor (
    consumer TEXT NOT NULL,
    source TEXT NOT NULL,
    position BIGINT NOT NULL,
    CONSTRAINT pk_delivery_cursor PRIMARY KEY (consumer, source)
);

COMMENT ON COLUMN delivery_cursor.source IS 'the service whose outbox is read';

COMMENT ON COLUMN delivery_cursor.position IS 'everything up to here was applied, parked or not wanted';

CREATE TABLE due (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    workspace TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    payload JSONB DEFAULT '{}' NOT NULL,
    context JSONB DEFAULT '{}' NOT NULL,
    priority INTEGER DEFAULT 0 NOT NULL,
    group_key TEXT DEFAULT '' NOT NULL,
    status TEXT DEFAULT 'waiting' NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    again_at TIMESTAMP WITH TIME ZONE,
    owner UUID,
    claimed_at TIMESTAMP WITH TIME ZONE,
    attempts INTEGER DEFAULT 0 NOT NULL,
    last_error TEXT,
    CONSTRAINT pk_due PRIMARY KEY (id),
    CONSTRAINT uq_due_workspace_kind_key UNIQUE (workspace, kind, key),
    CONSTRAINT ck_due_status CHECK (status IN ('waiting', 'failed'))
);

CREATE INDEX ix_due_claimed ON due (kind, group_key) WHERE owner IS NOT NULL;

CREATE INDEX ix_due_failed ON due (due_at) WHERE status = 'failed';

CREATE INDEX ix_due_group ON due (kind, group_key, priority DESC, due_at) WHERE owner IS NULL AND status = 'waiting';

CREATE INDEX ix_due_waiting ON due (kind, priority DESC, due_at) WHERE owner IS NULL AND status = 'waiting';

COMMENT ON COLUMN due.context IS 'what caused it, for its events';

COMMENT ON COLUMN due.priority IS 'higher first';

COMMENT ON COLUMN due.again_at IS 'scheduled again while it was claimed';

CREATE TABLE idempotency (
    id BYTEA NOT NULL,
    body_hash BYTEA NOT NULL,
    answer TEXT NOT NULL,
    late JSONB,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_idempotency PRIMARY KEY (id)
);

CREATE INDEX ix_idempotency_created_at ON idempotency (created_at);

COMMENT ON COLUMN idempotency.id IS 'SHA-256 of credential, method, path and key';

COMMENT ON COLUMN idempotency.body_hash IS 'SHA-256 of the body as canonical JSON';

COMMENT ON COLUMN idempotency.answer IS 'status, headers and body, sealed';

COMMENT ON COLUMN idempotency.late IS 'top-level fields of the answer that only the database knew';

CREATE TABLE inbox (
    consumer TEXT NOT NULL,
    event_id UUID NOT NULL,
    applied_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_inbox PRIMARY KEY (consumer, event_id)
);

CREATE INDEX ix_inbox_applied_at ON inbox USING brin (applied_at);

CREATE TABLE job (
    id UUID NOT NULL,
    workspace TEXT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT DEFAULT 'queued' NOT NULL,
    payload JSONB DEFAULT '{}' NOT NULL,
    state JSONB DEFAULT '{}' NOT NULL,
    done BIGINT DEFAULT 0 NOT NULL,
    total BIGINT,
    result JSONB,
    error TEXT,
    created_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE,
    finished_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_job PRIMARY KEY (id),
    CONSTRAINT ck_job_status CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled'))
);

CREATE INDEX ix_job_finished ON job (finished_at) WHERE finished_at IS NOT NULL;

COMMENT ON COLUMN job.state IS 'where to go on after a crash';

CREATE TABLE outbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id UUID NOT NULL,
    stream TEXT NOT NULL,
    seq BIGINT NOT NULL,
    type TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    published_at TIMESTAMP WITH TIME ZONE,
    position BIGINT,
    CONSTRAINT pk_outbox PRIMARY KEY (id),
    CONSTRAINT uq_outbox_stream_seq UNIQUE (stream, seq)
)
 WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

CREATE INDEX ix_outbox_pending ON outbox (id) WHERE published_at IS NULL;

CREATE UNIQUE INDEX uq_outbox_position ON outbox (position) WHERE position IS NOT NULL;

COMMENT ON COLUMN outbox.payload IS 'the CloudEvent document as it travels';

COMMENT ON COLUMN outbox.position IS 'place in the local bus''s log; null until published there';

CREATE TABLE outbox_log (
    id INTEGER NOT NULL,
    last_position BIGINT NOT NULL,
    delivered_position BIGINT NOT NULL,
    CONSTRAINT pk_outbox_log PRIMARY KEY (id),
    CONSTRAINT ck_outbox_log_one_row CHECK (id = 1)
);

COMMENT ON COLUMN outbox_log.id IS 'always 1';

COMMENT ON COLUMN outbox_log.last_position IS 'positions are never given twice, also after a change of bus';

COMMENT ON COLUMN outbox_log.delivered_position IS 'every local consumer is done with everything up to here';

CREATE TABLE outbox_stream (
    stream TEXT NOT NULL,
    last_seq BIGINT NOT NULL,
    CONSTRAINT pk_outbox_stream PRIMARY KEY (stream)
)
 WITH (fillfactor = 80);

CREATE TABLE parked_event (
    id UUID NOT NULL,
    consumer TEXT NOT NULL,
    source TEXT NOT NULL,
    stream TEXT,
    seq BIGINT,
    event_id UUID,
    type TEXT,
    workspace TEXT,
    status TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    origin TEXT NOT NULL,
    body BYTEA NOT NULL,
    parked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_parked_event PRIMARY KEY (id),
    CONSTRAINT ck_parked_event_status CHECK (status IN ('failed', 'held'))
);

CREATE INDEX ix_parked_event_fingerprint ON parked_event (fingerprint, id);

CREATE INDEX ix_parked_event_stream ON parked_event (consumer, source, stream, seq);

CREATE UNIQUE INDEX uq_parked_event_consumer_event_id ON parked_event (consumer, event_id) WHERE event_id IS NOT NULL;

CREATE UNIQUE INDEX uq_parked_event_consumer_origin ON parked_event (consumer, origin) WHERE event_id IS NULL;

COMMENT ON COLUMN parked_event.source IS 'the producing service';

COMMENT ON COLUMN parked_event.stream IS 'null when the bytes could not be read';

COMMENT ON COLUMN parked_event.status IS 'failed, or held behind a failed one of its stream';

COMMENT ON COLUMN parked_event.fingerprint IS 'error class and the application''s frame that raised it';

COMMENT ON COLUMN parked_event.origin IS 'where it was read: topic[partition]@offset, or outbox@position';

COMMENT ON COLUMN parked_event.body IS 'the bytes as they came';

CREATE TABLE worker (
    id UUID NOT NULL,
    instance TEXT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    heartbeat_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_worker PRIMARY KEY (id)
);

COMMENT ON COLUMN worker.id IS 'boot id: a process that starts again is another worker';

CREATE TABLE workspace (
    name TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    locale TEXT NOT NULL,
    week_start TEXT NOT NULL,
    allow_self_approval BOOLEAN NOT NULL,
    version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_workspace PRIMARY KEY (name)
);
