"""How gunicorn serves TicketBoss: ``gunicorn --config ticketboss/serving/gunicorn.conf.py``.

What an operator changes comes from the environment (README.md); what is fixed has its reason here
or in docs/decisions/0010-greenlets.md.
"""

from gevent import monkey

# Before anything else: psycopg looks once, when it is imported, how it has to wait.
monkey.patch_all()

import gc
import os
import shutil
import tempfile

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ticketboss.settings")

import gevent
import psycopg.waiting
from django.conf import settings
from gunicorn.glogging import Logger

wsgi_app = "ticketboss.wsgi:application"
bind = settings.ADDRESS
workers = settings.WEB_CONCURRENCY
worker_class = "ticketboss.serving.gevent_worker.GeventWorker"
worker_connections = settings.WORKER_CONNECTIONS
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


class _Logger(Logger):
    """gunicorn's, without the line for each request that it makes even if nobody reads it."""

    def access(self, *args):
        """Say nothing: ticketboss.middleware.request_log logs it."""


logger_class = _Logger


# Where the workers write their metrics, for whichever of them is asked for the sum. A master that
# SIGUSR2 starts inherits this one's environment, but not its folder.
_owner = str(os.getpid())
if settings.METRICS_ALLOWED_IPS and os.environ.get("TICKETBOSS_METRICS_OWNER") != _owner:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="ticketboss-metrics-")
    os.environ["TICKETBOSS_METRICS_OWNER"] = _owner


def post_worker_init(worker):
    """Check that waiting for the database yields; exempt long-lived objects from collection."""
    if psycopg.waiting.wait.__name__ == "wait_c":
        raise RuntimeError("psycopg was imported before gevent's patch")
    disconnect_unneeded_signals()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


def disconnect_unneeded_signals():
    """Leave out what Django does for each request without need."""
    from django.core.cache import close_caches
    from django.core.signals import request_finished, request_started
    from django.db import close_old_connections, reset_queries

    # At its end a request gives its connection back, so the next one finds none that is old.
    request_started.disconnect(close_old_connections)
    # The one cache is in memory: there is nothing to close.
    request_finished.disconnect(close_caches)
    if not settings.DEBUG:
        request_started.disconnect(reset_queries)


def pre_request(worker, req):
    """Let other greenlets run: a quick client could otherwise keep the process to itself."""
    gevent.sleep(0)


def worker_exit(server, worker):
    """Close the connections while there is still a loop to do it in."""
    from django.db import connection

    connection.close_pool()


def child_exit(server, worker):
    """Forget the gauges of a worker that has ended; its counters stay."""
    if settings.METRICS_ALLOWED_IPS:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)


def on_exit(server):
    """Leave nothing behind."""
    if settings.METRICS_ALLOWED_IPS:
        shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
