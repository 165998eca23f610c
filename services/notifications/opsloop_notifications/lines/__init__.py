"""Lines of endpoints that get events in order: where they stand, and how they go on."""
