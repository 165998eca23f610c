"""Bounces: what mail servers and providers say of mails later, and what follows for the address."""
