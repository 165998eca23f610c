"""Who may do what: keys and tokens, stored answers of idempotent requests, the audit log, workspace settings."""
