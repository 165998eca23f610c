"""Letters: what is said to a person by mail, as the bytes that go out."""
