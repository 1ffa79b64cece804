"""Helpers for settings.py: logging configuration and validators."""
