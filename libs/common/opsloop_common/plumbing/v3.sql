-- What version 3 brought to the plumbing, as it was released: never edited, later steps alter it.

CREATE INDEX ix_due_turns ON due (kind, workspace, priority DESC, due_at) WHERE owner IS NULL AND status = 'waiting';
