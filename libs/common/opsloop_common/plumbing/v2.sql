-- What version 2 brought to the plumbing, as it was released: never edited, later steps alter it.

ALTER TABLE api_key
    ADD COLUMN source TEXT,
    ADD COLUMN publishable BOOLEAN DEFAULT false NOT NULL,
    ADD COLUMN origins TEXT[] DEFAULT '{}' NOT NULL,
    ADD COLUMN rows_per_day BIGINT,
    ADD COLUMN bytes_per_day BIGINT,
    ADD COLUMN parent_id UUID;

UPDATE api_key SET source = coalesce(
    nullif(trim(BOTH '-' FROM left(trim(BOTH '-' FROM regexp_replace(lower(name), '[^a-z0-9]+', '-', 'g')), 63)), ''),
    'key-' || right(id::text, 8));

-- nobody's key speaks for the operator, for people or for strangers
UPDATE api_key SET source = 'key-' || right(id::text, 8)
WHERE source IN ('operator', 'people', 'users', 'visitors', 'unattributed');

-- a parent that lives, and no sooner ends than the child: every key that works keeps the end that it was made with
UPDATE api_key AS child SET parent_id = parent.id FROM api_key AS parent
WHERE child.created_by = 'key:' || parent.id::text AND parent.revoked_at IS NULL
    AND (parent.expires_at IS NULL OR (parent.expires_at > now() AND child.expires_at <= parent.expires_at));

ALTER TABLE api_key
    ALTER COLUMN source SET NOT NULL,
    ADD CONSTRAINT ck_api_key_source CHECK (source ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    ADD CONSTRAINT ck_api_key_only_adds CHECK (NOT publishable OR (rows_per_day IS NOT NULL AND bytes_per_day IS NOT NULL));

CREATE INDEX ix_api_key_parent_id ON api_key (parent_id) WHERE parent_id IS NOT NULL;

COMMENT ON COLUMN api_key.source IS 'who speaks: natural keys are unique per source, a rotated key keeps it';

COMMENT ON COLUMN api_key.publishable IS 'for browsers: adds within its quotas, reads nothing';

COMMENT ON COLUMN api_key.parent_id IS 'the key that made this one, and ends it when it is revoked';

CREATE TABLE key_usage (
    key_id UUID NOT NULL,
    day DATE NOT NULL,
    rows BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    CONSTRAINT pk_key_usage PRIMARY KEY (key_id, day)
);

CREATE INDEX ix_key_usage_day ON key_usage (day);

COMMENT ON TABLE key_usage IS 'what publishable keys added on a day (UTC), for their quotas';

CREATE TABLE user_secret (
    id UUID NOT NULL,
    workspace TEXT NOT NULL,
    name TEXT NOT NULL,
    secret TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_user_secret PRIMARY KEY (id)
);

CREATE INDEX ix_user_secret_workspace ON user_secret (workspace, id);

COMMENT ON COLUMN user_secret.secret IS 'sealed; user tokens are signed with it and name it in their kid';

COMMENT ON COLUMN user_secret.expires_at IS 'when the key that made it does';

CREATE TABLE page_link (
    id UUID NOT NULL,
    workspace TEXT NOT NULL,
    purpose TEXT NOT NULL,
    subject TEXT NOT NULL,
    secret_hash BYTEA NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    exchanged_at TIMESTAMP WITH TIME ZONE,
    session_hash BYTEA,
    session_expires_at TIMESTAMP WITH TIME ZONE,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_page_link PRIMARY KEY (id),
    CONSTRAINT ck_page_link_exchanged CHECK ((exchanged_at IS NULL) = (session_hash IS NULL) AND (exchanged_at IS NULL) = (session_expires_at IS NULL))
);

CREATE INDEX ix_page_link_subject ON page_link (workspace, purpose, subject);

CREATE INDEX ix_page_link_expires_at ON page_link (expires_at);

COMMENT ON TABLE page_link IS 'links that open a page with rights: each exchanged once for a cookie of that one thing';

COMMENT ON COLUMN page_link.subject IS 'the one thing that it opens, such as webhook/<id>';

COMMENT ON COLUMN page_link.secret_hash IS 'SHA-256 of the 256-bit secret in the link';

COMMENT ON COLUMN page_link.session_hash IS 'SHA-256 of the 256-bit secret in the cookie';
