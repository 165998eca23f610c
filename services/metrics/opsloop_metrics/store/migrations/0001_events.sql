-- What people did, one row an event; '' stands for what is absent.
-- Sorted by day and event: most questions name both. The person is no part of the order, since a merge changes it.
CREATE TABLE IF NOT EXISTS opsloop.event
(
    workspace LowCardinality(String),
    id UUID,
    message_id String,
    import_id UUID DEFAULT toUUID('00000000-0000-0000-0000-000000000000'),
    kind LowCardinality(String),
    event LowCardinality(String),
    time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    skew_ms Int64 CODEC(ZSTD(1)),
    distinct_id String CODEC(ZSTD(1)),
    person UUID,
    is_personless UInt8,
    session_id String CODEC(ZSTD(1)),
    source LowCardinality(String),
    library LowCardinality(String),
    url String CODEC(ZSTD(1)),
    host LowCardinality(String),
    path String CODEC(ZSTD(1)),
    title String CODEC(ZSTD(1)),
    referrer String CODEC(ZSTD(1)),
    referrer_host LowCardinality(String),
    channel LowCardinality(String),
    utm_source LowCardinality(String),
    utm_medium LowCardinality(String),
    utm_campaign LowCardinality(String),
    utm_term LowCardinality(String),
    utm_content LowCardinality(String),
    browser LowCardinality(String),
    browser_version LowCardinality(String),
    os LowCardinality(String),
    device LowCardinality(String),
    country LowCardinality(String),
    region LowCardinality(String),
    city LowCardinality(String),
    locale LowCardinality(String),
    app_version LowCardinality(String),
    is_bot UInt8,
    is_test UInt8,
    groups Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    properties String CODEC(ZSTD(1)),
    INDEX received_at received_at TYPE minmax GRANULARITY 1,
    INDEX person person TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = MergeTree
ORDER BY (workspace, toDate(time), event, cityHash64(distinct_id), time)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

-- Which messages are there: looked up before each block is written, so that a message sent again is never there twice.
-- Unsettled: it is not certain that all of the message is there; received_at says where its event would be.
CREATE TABLE IF NOT EXISTS opsloop.seen
(
    id UUID,
    received_at DateTime64(3, 'UTC'),
    is_settled UInt8 DEFAULT 1
)
ENGINE = EmbeddedRocksDB PRIMARY KEY id;

-- Whom a person turned out to be, of those whose events name another; the newest version holds.
CREATE TABLE IF NOT EXISTS opsloop.person_override
(
    workspace LowCardinality(String),
    person UUID,
    into UUID,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, person)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- What is known of people, for filters and breakdowns; the newest version holds.
CREATE TABLE IF NOT EXISTS opsloop.person
(
    workspace LowCardinality(String),
    id UUID,
    first_seen DateTime64(3, 'UTC'),
    traits String CODEC(ZSTD(1)),
    version UInt64,
    is_deleted UInt8
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
