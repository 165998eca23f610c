"""Topics: what people may want to hear or not, and how it is sent."""
