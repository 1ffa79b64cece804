"""Serving: gunicorn's configuration and worker class, startup, and process supervision."""
