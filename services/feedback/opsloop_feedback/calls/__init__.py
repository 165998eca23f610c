"""Calls: what was spoken on the phone, with whom, and who is to be called back by when."""
