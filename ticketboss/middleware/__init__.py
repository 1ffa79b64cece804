"""Middleware, a class each, in the order that settings.MIDDLEWARE gives them."""
