"""Members of clusters: which post belongs to which topic, below the lists that are narrowed by it."""
