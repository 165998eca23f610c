"""Returns: what a mail carries by which its return is known again, and cannot be made up."""
