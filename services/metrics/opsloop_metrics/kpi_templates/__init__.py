"""KPIs that are ready to be taken: what they are called, how they are measured, and which have nothing to measure yet."""
