"""What happens later, in ``manage.py worker``: e-mails to customers, and maintenance.

Procrastinate finds the jobs by the settings; nothing imports them to queue one.
"""
