"""The job worker, and the app config of procrastinate."""
