"""Helpers for settings.py: the reader of variables, validators, refused risks and logging."""
