"""What an endpoint's owner makes of an event before it is sent: JSON, by a template."""
