"""Files: what they are by their content, where they are kept, whether they carry a virus, and small pictures of them."""
