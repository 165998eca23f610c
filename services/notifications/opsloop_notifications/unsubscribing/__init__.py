"""Unsubscribing: links in mails, and the page behind them."""
