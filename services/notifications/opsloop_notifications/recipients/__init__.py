"""Recipients: where and in which language a person is reached."""
