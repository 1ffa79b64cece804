"""A load test of one event over HTTP: many concurrent buyers, then a consistency check.

The package uses only the HTTP API, so it can test any server that implements it.
"""
