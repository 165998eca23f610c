"""What a message says of the visit it belongs to: page, campaign, channel, device, place."""
