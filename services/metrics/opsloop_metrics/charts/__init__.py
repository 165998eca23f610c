"""Charts: an SVG for the answer of each insight."""
