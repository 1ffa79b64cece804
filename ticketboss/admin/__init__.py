"""The project's part of the admin: theme, user accounts and jobs."""
