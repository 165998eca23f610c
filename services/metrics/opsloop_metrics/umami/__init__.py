"""Umami's wire: pages and events of visitors who have no id unless the site gives them one."""
