"""How an endpoint or a channel fares as one process sees it: rules only."""
