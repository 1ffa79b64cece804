"""The project: settings, routes, middleware and serving."""
