"""Facts: what conditions of the desk see of a post."""
