"""Names that a definition asks for and nothing is called: told to whoever writes it, with the nearest one."""
