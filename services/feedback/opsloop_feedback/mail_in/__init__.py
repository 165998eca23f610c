"""Mail in: what comes by a mailbox becomes a post, an answer in a conversation, or is known as nobody's words."""
