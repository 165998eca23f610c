"""People: the doors of persons, and who is heard of by what they write."""
