"""IMAP: one look at a folder of somebody's server, within bounds."""
