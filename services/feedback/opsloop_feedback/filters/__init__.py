"""What lists, counts, views and changes of many posts are narrowed to, and in which order lists are."""
