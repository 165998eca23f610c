"""Tables of access: keys, stored answers of idempotent requests, the audit log, workspace settings."""
