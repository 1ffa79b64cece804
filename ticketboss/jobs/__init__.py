"""The worker that runs the app's jobs, and procrastinate as an app."""
