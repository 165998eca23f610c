"""Items: a feedback as people find it, read it and work on it."""
