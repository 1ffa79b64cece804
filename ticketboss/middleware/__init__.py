"""The project's middleware; settings.MIDDLEWARE defines the order."""
