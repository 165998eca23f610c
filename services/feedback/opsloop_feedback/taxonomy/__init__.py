"""Taxonomy: the areas of a product, what they belong to, and by which words a post is about one."""
