"""Letters: what a mail says, read in a process of its own: who wrote it, to what it answers, its words and its files."""
