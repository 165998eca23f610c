"""What the readers of all vendors share: times, speakers, groups, keys, and how a body is packed."""
