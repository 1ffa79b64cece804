"""The paths that the server and the middleware treat differently from the rest."""

ADMIN = "/admin/"
STATIC = "/static/"
API_V1 = "/api/v1/"
HEALTH = frozenset({"/health", "/health/"})
PROBES = HEALTH | {"/ready", "/ready/"}
