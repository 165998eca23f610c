"""OpsLoop campaigns."""
