"""The pages of forms: what a visitor sees, types and sends, in Chinese and English, without script and without an account."""
