"""In-app inboxes: what a person is told inside the product, and what they did with it."""
