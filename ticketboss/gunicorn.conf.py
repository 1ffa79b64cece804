"""How gunicorn serves TicketBoss: ``gunicorn --config ticketboss/gunicorn.conf.py``.

What an operator changes comes from the environment (README.md); what is fixed has its reason here.
"""

import os
import shutil
import tempfile

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ticketboss.settings")

from django.conf import settings

from ticketboss.wire_errors import answer_in_json

answer_in_json()
wsgi_app = "ticketboss.wsgi:application"
bind = settings.ADDRESS
workers = settings.WEB_CONCURRENCY
worker_class = "gthread"
threads = settings.WEB_THREADS
# Whose X-Forwarded-Proto is believed.
forwarded_allow_ips = settings.FORWARDED_ALLOW_IPS
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

# Where the workers write their metrics, for whichever of them is asked for the sum. A master that
# SIGUSR2 starts inherits this one's environment, but not its folder.
_owner = str(os.getpid())
if settings.METRICS_ALLOWED_IPS and os.environ.get("TICKETBOSS_METRICS_OWNER") != _owner:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="ticketboss-metrics-")
    os.environ["TICKETBOSS_METRICS_OWNER"] = _owner


def child_exit(server, worker):
    """Forget the gauges of a worker that has ended; its counters stay."""
    if settings.METRICS_ALLOWED_IPS:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)


def on_exit(server):
    """Leave nothing behind."""
    if settings.METRICS_ALLOWED_IPS:
        shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
