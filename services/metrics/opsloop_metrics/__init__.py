"""OpsLoop metrics."""
