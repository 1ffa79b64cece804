"""gunicorn's configuration: ``gunicorn --config ticketboss/serving/gunicorn.conf.py``.

Values that operators change come from the environment (docs/settings.md). The others are explained
here or in docs/decisions/0010-greenlets.md.
"""

from gevent import monkey

# This must come first: psycopg chooses how to wait for the server when it is imported.
monkey.patch_all()

import gc
import os
import resource
import shutil
import sys
import tempfile
from contextlib import suppress

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ticketboss.settings")

import gevent
import psycopg.waiting
from django.conf import settings
from gunicorn.glogging import Logger

from ticketboss.checks import OPEN_ACCESS

wsgi_app = "ticketboss.wsgi:application"
bind = [each for each in (settings.ADDRESS, settings.METRICS_BIND) if each]
workers = settings.WEB_CONCURRENCY
worker_class = (
    "ticketboss.serving.gevent_worker.GeventWorker"
    if settings.WORKER_CLASS == "ticketboss"
    else settings.WORKER_CLASS  # gunicorn's own
)
worker_connections = settings.WORKER_CONNECTIONS
# Each connection needs a file descriptor. Without one, a worker cannot even answer probes.
_OTHER_FILES = 64 + settings.DATABASE_POOL_SIZE
_, _hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
with suppress(ValueError, OSError):  # macOS refuses an unlimited number.
    resource.setrlimit(resource.RLIMIT_NOFILE, (_hard_limit, _hard_limit))
_max_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
if _max_files != resource.RLIM_INFINITY:
    worker_connections = min(worker_connections, max(1, _max_files - _OTHER_FILES))
# The proxies that may report the scheme, and the only header in which they do.
forwarded_allow_ips = settings.FORWARDED_ALLOW_IPS
secure_scheme_headers = settings.SCHEME_HEADERS
keepalive = 5  # used only with WORKER_CLASS=gevent
# Seconds until a process is killed; requests in flight have one second less to finish. With the
# time to stop the database, shutdown stays under 10 seconds.
graceful_timeout = 8
# No request header may set SCRIPT_NAME or PATH_INFO. Used only with WORKER_CLASS=gevent.
forwarder_headers = ""
# A running server is controlled by signals, so it needs no control socket.
control_socket_disable = True
# Let --reload watch the templates too: Django caches them.
reload_extra_files = [str(path) for path in settings.BASE_DIR.glob("*/templates/**/*.html")]
logconfig_dict = settings.LOGGING


class _Logger(Logger):
    """gunicorn's logger without the access log."""

    def access(self, *args):
        """Skip the access log line: ticketboss.middleware.request_log logs every request."""


logger_class = _Logger


def on_starting(server):
    """Warn if production is open, or has fewer connections than configured."""
    if settings.API_ACCESS == "open" and not settings.DEBUG:
        server.log.warning("%s %s", OPEN_ACCESS.msg, OPEN_ACCESS.hint)
    if worker_connections < settings.WORKER_CONNECTIONS:
        server.log.warning(
            "Each process accepts %d connections instead of WORKER_CONNECTIONS=%d: "
            "it may open only %d files. Raise the limit (ulimit -Hn) to accept more",
            worker_connections,
            settings.WORKER_CONNECTIONS,
            _max_files,
        )


def when_ready(server):
    """Create the folder to which the workers write their metrics; the one asked adds them up.

    Only now, because a start that fails, for example to bind its port, does not call ``on_exit``.
    """
    if settings.METRICS_BIND:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="ticketboss-metrics-")


def post_worker_init(worker):
    """Check that waiting for the database yields to other greenlets; tune the process.

    Raises:
        RuntimeError: psycopg was imported before gevent patched the standard library.
    """
    if psycopg.waiting.wait.__name__ == "wait_c":
        raise RuntimeError("psycopg was imported before gevent's patch")
    # gevent would print the exception of a greenlet with all that it quotes.
    gevent.get_hub().print_exception = lambda _context, *error: sys.excepthook(*error)
    disconnect_unneeded_signals()
    gc.collect()
    gc.freeze()  # Exempt the objects created at startup from collection.
    gc.set_threshold(20_000, 10, 10)


def disconnect_unneeded_signals():
    """Disconnect Django's per-request signal handlers that are not needed here."""
    from django.core.cache import close_caches
    from django.core.handlers.base import reset_urlconf
    from django.core.signals import request_finished, request_started
    from django.db import close_old_connections, reset_queries

    # A request returns its connection to the pool when it ends, so there is no old one to close.
    request_started.disconnect(close_old_connections)
    # All requests have the same URLconf.
    request_finished.disconnect(reset_urlconf)
    # The only cache is in memory and has nothing to close.
    request_finished.disconnect(close_caches)
    if not settings.DEBUG:
        request_started.disconnect(reset_queries)


def pre_request(worker, req):
    """Let other greenlets run before a request. Used only with WORKER_CLASS=gevent."""
    gevent.sleep(0)


def worker_exit(server, worker):
    """Close the connection pool while the event loop still runs."""
    from django.db import connection

    connection.close_pool()


def child_exit(server, worker):
    """Remove the gauges of a worker that has exited; its counters stay."""
    if settings.METRICS_BIND:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)


def on_exit(server):
    """Remove the folder of the metrics."""
    if settings.METRICS_BIND:
        shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
