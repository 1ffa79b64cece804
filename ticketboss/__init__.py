"""The project: settings, routes, and what serves them."""
