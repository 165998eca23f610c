"""What becomes an alert: events by rules, and what Prometheus, Grafana and others post."""
