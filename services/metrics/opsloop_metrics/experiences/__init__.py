"""Experience: how fast pages are, what annoys people, what fails, and where that hurts most (docs/insights.md §16)."""
