"""What the OpsLoop services share."""
