"""What others publish as numbers over time: how it is read."""
