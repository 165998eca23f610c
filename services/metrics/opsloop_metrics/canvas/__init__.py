"""What all pictures are drawn with, and the words in them."""
