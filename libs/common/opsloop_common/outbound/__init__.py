"""Calls to addresses that users give: the only room that opens connections to them, behind a guard."""
