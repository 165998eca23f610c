"""OpsLoop feedback."""
