"""A PostgreSQL server for development, demos and tests that needs no installation or setup.

``base`` is the Django database backend. ``cluster`` manages one server and its data. ``install``
locates its programs, data and socket, and selects the user it runs as. ``programs`` runs them.
``backup`` backs up and restores the database.
"""
