"""How gunicorn serves TicketBoss: ``gunicorn -c ticketboss/gunicorn.conf.py``."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ticketboss.settings")

from django.conf import settings

wsgi_app = "ticketboss.wsgi:application"
bind = settings.ADDRESS
workers = settings.WEB_CONCURRENCY
worker_class = "gthread"
threads = settings.WEB_THREADS
keepalive = 5
# Seconds for requests in flight at a stop. With the database's own, a stop stays under 10 s.
graceful_timeout = 8
# No header of a request may say where the application is mounted.
forwarder_headers = ""
# Commands for a running server go through signals; there is no need for a socket as well.
control_socket_disable = True
# With --reload: Django keeps its templates.
reload_extra_files = [str(path) for path in settings.BASE_DIR.glob("*/templates/**/*.html")]
logconfig_dict = settings.LOGGING
