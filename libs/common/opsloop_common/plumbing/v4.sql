-- What version 4 brought to the plumbing, as it was released: never edited, later steps alter it.

ALTER TABLE workspace ADD COLUMN copy_version INTEGER NOT NULL DEFAULT 0;

ALTER TABLE workspace ADD COLUMN asked JSONB NOT NULL DEFAULT '{}';

ALTER TABLE workspace ADD COLUMN asked_at TIMESTAMP WITH TIME ZONE;

ALTER TABLE workspace ALTER COLUMN copy_version DROP DEFAULT;

ALTER TABLE workspace ALTER COLUMN asked DROP DEFAULT;

COMMENT ON COLUMN workspace.copy_version IS 'of a copy: raised whenever what it shows is another than before';

COMMENT ON COLUMN workspace.asked IS 'of a copy: settings changed here, with the request that the owner has not answered';

COMMENT ON COLUMN workspace.asked_at IS 'of the newest such request';
