"""A ticket drop, rehearsed over HTTP: many buyers at once, and whether the books stayed true.

It knows the API from outside only, so that it can be turned on any server that speaks it.
"""
