"""Serves the project: gunicorn, its worker class and configuration, and what starts them."""
