"""A real PostgreSQL with nothing to install: for development, demo and tests.

``base`` is the database backend, ``cluster`` one server and its data, ``install`` where its
programs, data and socket live and as whom it runs.
"""
