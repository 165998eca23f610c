-- What version 3 brought to the plumbing, as it was released: never edited, later steps alter it.

CREATE INDEX ix_due_turns ON due (kind, workspace, priority DESC, due_at) WHERE owner IS NULL AND status = 'waiting';

CREATE TABLE known_workspace (
    name TEXT NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_known_workspace PRIMARY KEY (name)
);

COMMENT ON TABLE known_workspace IS 'the workspaces for which this service has regular work to do';

COMMENT ON COLUMN known_workspace.seen_at IS 'to within a day';

INSERT INTO known_workspace (name, seen_at)
SELECT name, now() FROM (
    SELECT workspace FROM api_key UNION SELECT workspace FROM due UNION SELECT name FROM workspace) AS found(name);

ALTER TABLE due ADD COLUMN first_failed_at TIMESTAMP WITH TIME ZONE;

CREATE INDEX ix_due_failing ON due (kind, first_failed_at) WHERE first_failed_at IS NOT NULL;

CREATE INDEX ix_due_recurring ON due (kind, workspace) WHERE key = '@every';

COMMENT ON COLUMN due.first_failed_at IS 'it has failed at each try since then';

ALTER TABLE outbox_stream ADD COLUMN ended_at TIMESTAMP WITH TIME ZONE;

CREATE INDEX ix_outbox_stream_ended_at ON outbox_stream (ended_at) WHERE ended_at IS NOT NULL;

COMMENT ON COLUMN outbox_stream.ended_at IS 'what it is named after is gone for good';
