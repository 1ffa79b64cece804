"""The paths that the server and the middleware treat differently from the rest."""

ADMIN = "/admin"
STATIC = "/static"
API_V1 = "/api/v1"
PROBES = ("/health", "/ready", "/metrics")
