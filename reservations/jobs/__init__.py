"""Background jobs, run by ``manage.py worker``: e-mails to customers, and maintenance.

Procrastinate imports the job modules listed in the settings. The ledger queues jobs by name,
without importing these modules.
"""
