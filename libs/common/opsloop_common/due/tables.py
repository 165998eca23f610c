"""Tables of work that is due later: due rows, jobs with progress, heartbeats of their owners."""
