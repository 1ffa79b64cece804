"""Partners' access to the API: their keys, and which key a request has."""
