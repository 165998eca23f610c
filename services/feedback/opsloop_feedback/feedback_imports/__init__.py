"""Files of posts: an export of another product, or a table of our own, that a job reads, and another takes back."""
