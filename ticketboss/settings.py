"""Django settings, read from environment variables and an optional ``.env`` file.

``.env.example`` lists every variable with its default; docs/settings.md describes them.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import django_stubs_ext
from environs import EnvError, EnvValidationError
from marshmallow.validate import ContainsOnly, OneOf, Range
from psycopg import IsolationLevel

from ticketboss.admin.theme import UNFOLD  # noqa: F401 (read by Unfold)
from ticketboss.conf import hosts, risks, validators
from ticketboss.conf.env import Env
from ticketboss.conf.logging import logging_config
from ticketboss.paths import PROBES

# Allow type arguments on Django's generic classes at run time.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent


def _fail(reason: object) -> NoReturn:
    # SystemExit instead of ImproperlyConfigured: manage.py and gunicorn then print only this line.
    raise SystemExit(f"TicketBoss cannot start: {reason}")


# NAME_FILE is the path of a file that contains the value of NAME, for mounted secrets.
env = Env(strip_whitespace=True)

_RENAMED = {
    "MAX_REQUESTS": "MAX_CONCURRENT_REQUESTS",
    "WEB_CONNECTIONS": "WORKER_CONNECTIONS",
    "MAX_BATCH": "GROUP_COMMIT_MAX_BATCH",
    "MAX_QUEUE": "GROUP_COMMIT_MAX_QUEUE",
}
_REMOVED = {
    "METRICS_ALLOWED_IPS": "set METRICS_BIND to an address that only Prometheus can reach",
} | dict.fromkeys(
    [
        "QUEUE_TIMEOUT",
        "GROUP_COMMIT_QUEUE_TIMEOUT",
        "DATABASE_POOL_TIMEOUT",
        "LOCK_TIMEOUT",
        "STATEMENT_TIMEOUT",
    ],
    "remove it, and set REQUEST_TIMEOUT if its default does not fit",
)

try:
    env.read_env(BASE_DIR / ".env", recurse=False)
except (ValueError, OSError) as error:
    _fail(f"the file .env cannot be read: {error}")

try:
    for _old, _new in _RENAMED.items():
        if env.text(_old):
            _fail(f"{_old} is now called {_new}: rename it")
    for _old, _instead in _REMOVED.items():
        if env.text(_old):
            _fail(f"{_old} no longer exists: {_instead}")

    DEBUG = env.bool("DJANGO_DEBUG", True)
    SECRET_KEY = env.str("SECRET_KEY", "") or ("only-for-development" if DEBUG else "")
    ALLOWED_HOSTS = [
        hosts.normalise_allowed_host(each)
        for each in env.list(
            "ALLOWED_HOSTS", [], subcast=str.strip, validate=validators.validate_hosts
        )
    ]
    ALLOW_INSECURE: list[str] = env.list(
        "ALLOW_INSECURE", [], subcast=str.strip, validate=ContainsOnly(list(risks.RISKS))
    )
    API_ACCESS = env.str(
        "API_ACCESS", "open" if DEBUG else "keys", validate=OneOf(["open", "keys"])
    )
    LOG_LEVEL = env.str(
        "LOG_LEVEL", "INFO", validate=OneOf(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
    )
    HOST = env.str("HOST", "127.0.0.1")
    PORT = env.int("PORT", 8000, validate=Range(1, 65535))
    WEB_CONCURRENCY = env.int("WEB_CONCURRENCY", 2, validate=Range(1, 256))
    WORKER_CLASS = env.str("WORKER_CLASS", "ticketboss", validate=OneOf(["ticketboss", "gevent"]))
    WORKER_CONNECTIONS = env.int("WORKER_CONNECTIONS", 1000, validate=Range(1, 100_000))
    MAX_CONCURRENT_REQUESTS = env.int("MAX_CONCURRENT_REQUESTS", 900, validate=Range(1, 100_000))
    TICKETBOSS_HOME = Path(
        env.str(
            "TICKETBOSS_HOME", str(BASE_DIR / ".ticketboss"), validate=validators.validate_folder
        )
    ).absolute()
    DATABASE_URL = env.str("DATABASE_URL", "")
    _database: Any = env.dj_db_url("DATABASE_URL") if DATABASE_URL else {}
    DATABASE_POOL_SIZE = env.int("DATABASE_POOL_SIZE", 8, validate=Range(1, 1000))
    GROUP_COMMIT = env.bool("GROUP_COMMIT", True)
    GROUP_COMMIT_MAX_BATCH = env.int("GROUP_COMMIT_MAX_BATCH", 256, validate=Range(1, 10_000))
    GROUP_COMMIT_MAX_QUEUE = env.int("GROUP_COMMIT_MAX_QUEUE", 768, validate=Range(1, 100_000))
    REQUEST_TIMEOUT = env.float("REQUEST_TIMEOUT", 3.0, validate=Range(0.3, 60))
    COMMIT_TIMEOUT = env.float("COMMIT_TIMEOUT", 5.0, validate=Range(0.1, 60))
    FORWARDED_ALLOW_IPS = env.str(
        "FORWARDED_ALLOW_IPS", "127.0.0.1,::1", validate=validators.validate_proxies
    )
    # Not Django's setting of this name, for which the proxy's address would make no difference.
    _scheme_header, _https = env.list(
        "SECURE_PROXY_SSL_HEADER",
        ["HTTP_X_FORWARDED_PROTO", "https"],
        subcast=str.strip,
        validate=validators.validate_header,
    )
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", not DEBUG)
    SECURE_HSTS_SECONDS = env.int(
        "SECURE_HSTS_SECONDS", 0 if DEBUG else 31_536_000, validate=Range(0)
    )
    SECURE_COOKIES = env.bool("SECURE_COOKIES", not DEBUG)
    CSRF_TRUSTED_ORIGINS = [
        hosts.normalise_trusted_origin(each)
        for each in env.list(
            "CSRF_TRUSTED_ORIGINS",
            [],
            subcast=str.strip,
            validate=validators.validate_trusted_origins,
        )
    ]
    CORS_ALLOWED_ORIGINS = [
        hosts.normalise_origin(each)
        for each in env.list(
            "CORS_ALLOWED_ORIGINS", [], subcast=str.strip, validate=validators.validate_origins
        )
    ]
    METRICS_BIND = env.str("METRICS_BIND", "", validate=validators.validate_bind)
    _mail_default = "console:" if DEBUG else "dummy:"
    env.str("EMAIL_URL", _mail_default, validate=validators.validate_mail_url)
    _mail: Any = env.dj_email_url("EMAIL_URL", _mail_default)
    DEFAULT_FROM_EMAIL = env.str(
        "EMAIL_FROM", "TicketBoss <tickets@localhost>", validate=validators.validate_sender
    )
    IDEMPOTENCY_RETENTION_HOURS = env.int(
        "IDEMPOTENCY_RETENTION_HOURS", 48, validate=Range(24, 8760)
    )
except EnvValidationError as error:
    _fail(f"{str(error).partition(': ')[0]}: {' '.join(error.error_messages)}")
except (EnvError, ValueError, OSError) as error:
    _fail(error)

if not DEBUG:
    if not SECRET_KEY:
        _fail("SECRET_KEY must be set when DJANGO_DEBUG=0: a long random string")
    if not ALLOWED_HOSTS:
        _fail("ALLOWED_HOSTS must be set when DJANGO_DEBUG=0: a comma-separated list of host names")
for _risk in risks.find_risks(
    debug=DEBUG, secret_key=SECRET_KEY, allowed_hosts=ALLOWED_HOSTS, host=HOST, mail=_mail
):
    if _risk not in ALLOW_INSECURE:
        _fail(f"{risks.RISKS[_risk]} (ALLOW_INSECURE={_risk} insists)")
if _database and (_database["ENGINE"] != "django.db.backends.postgresql" or not _database["NAME"]):
    _fail("DATABASE_URL must name a PostgreSQL database: postgresql://user:password@host/name")
if _database and risks.leaves_encryption_open(_database, os.environ):
    _fail(
        "DATABASE_URL names a server on another machine, so it must end with ?sslmode=verify-full "
        "or ?sslmode=require (?sslmode=disable insists on an unencrypted connection)"
    )
METRICS_HOST, _, METRICS_PORT = METRICS_BIND.rpartition(":")
if str(PORT) == METRICS_PORT:
    _fail("METRICS_BIND must have another port than PORT")

ADDRESS = f"[{HOST}]:{PORT}" if ":" in HOST else f"{HOST}:{PORT}"

# --- The database -------------------------------------------------------------------------------

if _database:
    _database["ENGINE"] = "ticketboss.postgresql"
else:
    _database = {"ENGINE": "ticketboss.embedded_postgres", "NAME": "ticketboss"}

# Limits for the admin, jobs and commands; statements of API requests have the time that is left
# (reservations.deadline). Migrations (reservations.apps) and some commands override them.
_limit = f"{(REQUEST_TIMEOUT + COMMIT_TIMEOUT) * 1000:.0f}ms"
_server_options = {
    "statement_timeout": _limit,
    # A process that hangs in a transaction must not keep an event locked.
    "idle_in_transaction_session_timeout": _limit,
}
_options = _database.get("OPTIONS", {})

DATABASES = {
    "default": {
        **_database,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            # Locking relies on READ COMMITTED, so do not depend on the server's default.
            "isolation_level": IsolationLevel.READ_COMMITTED,
            # Detect within about 11 seconds that a host has silently disappeared.
            "connect_timeout": 5,
            "tcp_user_timeout": 10_000,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "application_name": "ticketboss",
            **_options,
            "options": " ".join(
                [
                    *(f"-c {name}={value}" for name, value in _server_options.items()),
                    str(_options.get("options", "")),
                ]
            ).strip(),
            "pool": {
                "min_size": 1,
                "max_size": DATABASE_POOL_SIZE,
                "timeout": REQUEST_TIMEOUT,
                # Stop reconnecting in the background after this time; the next request retries.
                "reconnect_timeout": REQUEST_TIMEOUT,
            },
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- The application ----------------------------------------------------------------------------

INSTALLED_APPS = [
    "ticketboss",
    "reservations",
    "ticketboss.accounts.apps.AccountsConfig",
    "ticketboss.jobs.apps.JobsConfig",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "ticketboss.admin.apps.TicketBossAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "ticketboss.accounts.apps.LoginsConfig",
]
MIDDLEWARE = [
    "ticketboss.middleware.request_log.RequestLogMiddleware",
    "ticketboss.middleware.response_headers.ResponseHeadersMiddleware",
    "ticketboss.middleware.request_errors.RequestErrorMiddleware",
    "ticketboss.middleware.concurrency_limit.ConcurrencyLimitMiddleware",
    "ticketboss.middleware.allowed_hosts.AllowedHostsMiddleware",
    "ticketboss.middleware.https_redirect.HttpsRedirectMiddleware",
    "ticketboss.middleware.request_deadline.RequestDeadlineMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "ticketboss.middleware.admin_only.AdminSessionMiddleware",
    "ticketboss.middleware.admin_only.AdminCsrfMiddleware",
    "ticketboss.middleware.admin_only.AdminAuthenticationMiddleware",
    "ticketboss.middleware.admin_only.AdminRequestMiddleware",
    "ticketboss.middleware.admin_limit.AdminLimitMiddleware",
    "ticketboss.middleware.admin_only.AdminMessageMiddleware",
    "ticketboss.middleware.admin_only.AdminLockoutMiddleware",
    "ticketboss.middleware.database_errors.DatabaseErrorMiddleware",
]
ROOT_URLCONF = "ticketboss.urls"
WSGI_APPLICATION = "ticketboss.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["reservations.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_PARSER_CLASSES": ["reservations.api.parsers.JSONObjectParser"],
    "DEFAULT_RENDERER_CLASSES": ["reservations.api.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": (
        "reservations.api.negotiation.IgnoreClientContentNegotiation"
    ),
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "reservations.api.exceptions.exception_handler",
    "DEFAULT_METADATA_CLASS": "reservations.api.metadata.AllowedMethods",
    "UNAUTHENTICATED_USER": None,
    # The "path" of an error that concerns the request body as a whole.
    "NON_FIELD_ERRORS_KEY": "",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "TicketBoss",
    "VERSION": "0.1.0",
    "LICENSE": {"name": "MIT", "identifier": "MIT"},
    "OAS_VERSION": "3.1.1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "DESCRIPTION": (
        "Sells the seats of an event to many concurrent buyers without selling any seat twice.\n\n"
        "Every path works with and without a trailing slash.\n\n"
        "Errors are JSON objects with `error` (a message) and `code`. The operations under "
        "`/api/v1` instead return `error` (the code in PascalCase, but `ValidationError` for "
        "`invalid`) and `message`. Besides the errors listed with each operation, a request can "
        "get 400 `invalid` for an unknown Host or malformed HTTP, 404 `not_found` for an unknown "
        "path, 405 `method_not_allowed` with an `Allow` header, 408 `request_timeout` if it is "
        "sent too slowly, 413 `payload_too_large`, 414 or 431 for a URL or headers that are too "
        "long, 417 and 501 for an expectation, method or transfer coding that the server does not "
        "know, 500 `internal_error` for a server error, and 503 `busy` with `Retry-After` from a "
        "server that is too busy. Plain HTTP may be redirected to HTTPS with 301 or 308."
    ),
    "PREPROCESSING_HOOKS": ["reservations.api.openapi.drop_duplicate_mounts"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "reservations.api.openapi_responses.allow_several_matches",
        "reservations.api.openapi_enums.open_enums",
        "reservations.api.openapi_access.make_partner_id_optional",
        "reservations.api.reservations.openapi.add_links_and_mounts",
        "reservations.api.v1.openapi.add_links",
    ],
    "ENUM_NAME_OVERRIDES": {
        "ReservationStatus": "reservations.models.Reservation.Status",
        "BookingStatus": ["CONFIRMED", "CANCELLED"],
        "ReservedStatus": ["confirmed", "held"],
        "ChangeKind": "reservations.models.Change.Kind",
    },
    # The names of the choices are self-explanatory.
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}

LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "ticketboss.formats"
TIME_ZONE = "UTC"
USE_TZ = True
FIXTURE_DIRS = [BASE_DIR / "fixtures"]
# Bytes of a request body in the admin; elsewhere reservations.api.parsers has a lower limit.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# No upload reaches the disk: wsgi.py has read the body already.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True

# --- Staff accounts -----------------------------------------------------------------------------

# After a login at /admin/login/ itself: Unfold's form does not send Django's hidden "next".
LOGIN_REDIRECT_URL = "admin:index"
PASSWORD_HASHERS = ["ticketboss.accounts.hashers.PBKDF2PasswordHasher"]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
# ticketboss.accounts.login_throttle contains the limits and uses the other settings.
AXES_HANDLER = "ticketboss.accounts.login_throttle.LoginThrottle"
AXES_CLIENT_IP_CALLABLE = "ticketboss.accounts.login_throttle.client_address"
AXES_LOCKOUT_CALLABLE = "ticketboss.accounts.login_throttle.refuse"
AXES_COOLOFF_TIME = timedelta(minutes=15)
# A login takes back the failed attempts of this account from this address, and no others.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_ENABLE_ADMIN = AXES_VERBOSE = False
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# --- Jobs and e-mail ----------------------------------------------------------------------------

# Modules that define jobs. Jobs are queued by name, so web processes that only sell seats never
# import these; the worker and the admin's queue filter do.
PROCRASTINATE_IMPORT_PATHS = [
    "reservations.jobs.mail",
    "reservations.jobs.maintenance",
    "ticketboss.jobs.maintenance",
]
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_HOST = _mail["EMAIL_HOST"] or ""
EMAIL_PORT = _mail["EMAIL_PORT"] or 25
EMAIL_HOST_USER = _mail["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS = _mail["EMAIL_USE_TLS"]
EMAIL_USE_SSL = _mail["EMAIL_USE_SSL"]
# Seconds. Keeps an unresponsive mail server from blocking the e-mail queue for long.
EMAIL_TIMEOUT = 10

# --- Security -----------------------------------------------------------------------------------

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
# Browsers accept a cookie with this prefix from this host over HTTPS only, not from a subdomain.
_cookie_prefix = "__Host-" if SECURE_COOKIES else ""
SESSION_COOKIE_NAME = f"{_cookie_prefix}sessionid"
CSRF_COOKIE_NAME = f"{_cookie_prefix}csrftoken"
# Seconds without a request; ticketboss.accounts.sessions also limits the age of a session.
SESSION_COOKIE_AGE = 30 * 60
# gunicorn's names. Only proxies in FORWARDED_ALLOW_IPS are trusted.
SCHEME_HEADERS = {_scheme_header.removeprefix("HTTP_").replace("_", "-").upper(): _https}
# Load balancers request these over plain HTTP.
SECURE_REDIRECT_EXEMPT = [f"^{path.removeprefix('/')}$" for path in PROBES]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
if CORS_ALLOWED_ORIGINS:
    INSTALLED_APPS.append("corsheaders")
    MIDDLEWARE.insert(1, "ticketboss.middleware.cors.RouteCorsMiddleware")
    CORS_URLS_REGEX = r"^/(?!admin(/|$))"
    CORS_ALLOW_HEADERS = [
        "accept",
        "content-type",
        "idempotency-key",
        "if-match",
        "if-none-match",
        "x-request-id",
    ]
    CORS_EXPOSE_HEADERS = [
        "ETag",
        "Idempotent-Replayed",
        "Location",
        "Retry-After",
        "X-Request-ID",
    ]
SILENCED_SYSTEM_CHECKS = [
    # These look for Django's own middleware by name. ticketboss.middleware.response_headers,
    # https_redirect and admin_only contain it.
    "security.W001",
    "security.W002",
    "security.W003",
    # This looks for axes' own middleware, which admin_only contains as well.
    "axes.W002",
    # HSTS for subdomains and the browsers' preload list are decisions of the domain's owner.
    "security.W005",
    "security.W021",
]

LOGGING = logging_config(level=LOG_LEVEL, readable=DEBUG)
