"""The HTTP front: what stands between a stranger's bytes and an application (docs/decisions/0013)."""
