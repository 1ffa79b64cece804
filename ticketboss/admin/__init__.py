"""What is not of the app in the admin: its theme, staff accounts, and the worker's jobs."""
