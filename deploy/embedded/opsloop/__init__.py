"""OpsLoop in one process."""
