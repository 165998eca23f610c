"""OpsLoop notifications."""
