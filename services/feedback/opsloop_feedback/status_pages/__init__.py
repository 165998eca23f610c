"""Status pages: a link by which the author of a post sees how far we are, and answers."""
