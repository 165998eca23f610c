-- Each block notes its ids: through RocksDB's own log (1 to 3 ms), not as a file of its own that is synchronised (18 ms).
-- A power cut forgets the last of them; the writer fills those in from the newest events.
ALTER TABLE opsloop.seen MODIFY SETTING optimize_for_bulk_insert = 0;
