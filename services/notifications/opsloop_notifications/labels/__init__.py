"""Labels of alerts: what names one, and matchers on them."""
