"""Markdown becomes safe HTML; what a text says: its language, its words."""
