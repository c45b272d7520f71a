"""All settings, from the environment. Production's are the defaults; README.md lists the variables."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from overplane import __version__, private_files
from overplane.checks import Environment, stored_secret
from overplane.database.url import POOLERS, database_from, replicas_from

env = Environment(os.environ)
BASE_DIR = Path(__file__).resolve().parent.parent
# The SQLite file, the generated secret and the collected static files.
DATA_DIR = Path(env.text("DATA_DIR", str(BASE_DIR / "data")))
DATA_DIR.mkdir(mode=private_files.FOLDER, parents=True, exist_ok=True)

DEBUG = env.flag("DEBUG")
OVERPLANE_MODE = env.choice("OVERPLANE_MODE", ("test", "live"))
PRODUCT = "Overplane CRM"
PORT = env.integer("PORT", 8000, lowest=1)
BIND = env.text("BIND", f"127.0.0.1:{PORT}")
WEB_CONCURRENCY = env.integer("WEB_CONCURRENCY", 2, lowest=1)
WEB_THREADS = env.integer("WEB_THREADS", 4, lowest=1)
METRICS_DIR = env.text("PROMETHEUS_MULTIPROC_DIR")  # where several workers keep their counts; see gunicorn.py
# Both need requirements-observability.txt. The exporter reads the second one, and its further OTEL_… variables, by itself.
SENTRY_DSN = env.text("SENTRY_DSN")
OTEL_EXPORTER_OTLP_ENDPOINT = env.text("OTEL_EXPORTER_OTLP_ENDPOINT")
METRICS_TOKEN = env.text("METRICS_TOKEN")  # who may read /metrics; none: this machine itself
BASE_URL = env.url("BASE_URL", f"http://127.0.0.1:{PORT}", ("http", "https"))
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
SECRET_KEY = env.text("SECRET_KEY") or stored_secret(DATA_DIR / "secret_key")
SECRET_KEY_FALLBACKS = env.names("SECRET_KEY_FALLBACKS", [])  # former ones: what they signed is valid still
CORS_ALLOWED_ORIGINS = env.origins("CORS_ALLOWED_ORIGINS")  # whose pages may call the API; none: no page
EVENT_DAYS = env.integer("EVENT_DAYS", 0, lowest=0)  # older events are deleted; 0: none are
ACCESS_LOG = env.flag("ACCESS_LOG", default=True)  # a line for each request
FEED_LAG_LIMIT = env.number("FEED_LAG_LIMIT", 60, lowest=1)  # seconds; beyond them /readyz warns
MERGE_UNDO_DAYS = env.integer("MERGE_UNDO_DAYS", 30, lowest=0)  # so long a merge can be taken back
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")  # whose X-Forwarded-For and -Proto count; see overplane/addresses.py
WEBHOOK_ALLOW_PRIVATE = env.flag("WEBHOOK_ALLOW_PRIVATE")  # webhooks may go to any address, and by http
RATE_LIMIT = env.number("RATE_LIMIT", 0, lowest=0)  # requests a second for each key; 0: no limit

# How long things may take, in seconds; 0 is no limit. docs/operations.md says what each one ends.
STATEMENT_SECONDS = env.number("STATEMENT_SECONDS", 10, lowest=0)
LOCK_SECONDS = env.number("LOCK_SECONDS", 3, lowest=0)
IDLE_TRANSACTION_SECONDS = env.number("IDLE_TRANSACTION_SECONDS", 300, lowest=0)
CLIENT_SECONDS = env.number("CLIENT_SECONDS", 20, lowest=1)
GRACEFUL_SECONDS = env.integer("GRACEFUL_SECONDS", 30, lowest=1)
DRAIN_SECONDS = env.number("DRAIN_SECONDS", 0, lowest=0)  # see overplane/server/listening.py

INSTALLED_APPS = [
    "overplane.backoffice.apps.SiteConfig",  # django.contrib.admin with our own site
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "drf_spectacular",
    "overplane.people.apps.LoginsConfig",  # axes under a name that people know
    "django_otp",
    "django_otp.plugins.otp_totp",
    "overplane.database",
    "overplane.api",
    "overplane.events",
    "overplane.events.webhooks",
    "overplane.jobs",
    "overplane.people",
    "overplane.backoffice",
    "overplane.backups",
    "crm",
    "crm.transfer",
    "crm.backoffice",
]
MIDDLEWARE = [
    "overplane.api.middleware.RequestMiddleware",  # first: answers /api/ without those below
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "overplane.compression.PageCompression",  # below the files, which lie there compressed
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "overplane.people.middleware.SecondFactorMiddleware",
    "overplane.people.known_browsers.Middleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "axes.middleware.AxesMiddleware",  # last: turns the answer to a locked-out login into a page that says so
]
if OTEL_EXPORTER_OTLP_ENDPOINT:
    MIDDLEWARE.insert(0, "overplane.reporting.TraceMiddleware")
ROOT_URLCONF = "overplane.urls"
WSGI_APPLICATION = "overplane.wsgi.application"
APPEND_SLASH = True
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
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

DATABASE_URL = env.url(
    "DATABASE_URL", f"sqlite:///{DATA_DIR / 'overplane.sqlite3'}", ("sqlite", "postgresql", "postgres")
)
# `transaction`: a pooler stands before PostgreSQL that hands out another connection for each transaction (PgBouncer).
DATABASE, DATABASE_POOLER = database_from(DATABASE_URL, pooler=env.choice("DATABASE_POOLER", POOLERS))
DATABASES = {"default": DATABASE}
# Standbys that lists, searches and exports are read from, one after the other, unless they lag by more seconds than this.
REPLICA_MAX_LAG = env.number("REPLICA_MAX_LAG", 5.0, lowest=0.1)
DATABASES |= replicas_from(env.text("DATABASE_REPLICA_URLS"), primary=DATABASE, pooler=DATABASE_POOLER)
if test_name := env.text("OVERPLANE_TEST_DATABASE_NAME"):
    DATABASES["default"]["TEST"] = {"NAME": test_name}
# SQLite does have the constraint that this warns about, checked row by row (see OrderConstraint).
SILENCED_SYSTEM_CHECKS = ["models.W038"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Admin forms: a customer with a hundred rows inline and texts of 65,535 characters.
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000
UPLOAD_MAX_MIB = env.integer(
    "UPLOAD_MAX_MIB", 512, lowest=1
)  # larger files are better read where they are, by the command
FILE_UPLOAD_HANDLERS = [
    "overplane.backoffice.uploads.BoundedUpload",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
FORMAT_MODULE_PATH = ["overplane.formats"]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(DATA_DIR / "static")))
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
ON_DISK = "django.core.files.storage.FileSystemStorage"
PRIVATE = {"file_permissions_mode": private_files.FILE, "directory_permissions_mode": private_files.FOLDER}
FILE_STORAGE = env.text("FILE_STORAGE", ON_DISK)
STORAGES = {
    # Of the files that jobs read and make. A class of django-storages, say, where several machines share no disk.
    "default": {
        "BACKEND": FILE_STORAGE,
        "OPTIONS": env.mapping("FILE_STORAGE_OPTIONS") if FILE_STORAGE != ON_DISK else PRIVATE,
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_MANIFEST_STRICT = False
IMPORT_MAX_BYTES = env.integer("IMPORT_MAX_BYTES", 2 * 1024**3, lowest=1)  # of a file that comes by the API
# On the file system of the files: an upload that is whole is renamed, not copied.
FILE_UPLOAD_TEMP_DIR = DATA_DIR / "incoming"
FILE_UPLOAD_TEMP_DIR.mkdir(mode=private_files.FOLDER, exist_ok=True)
COPIES_DIR = DATA_DIR / "copies"  # of files whose storage is elsewhere
# Files that jobs read and make. Served by views that ask for permission, never as they lie.
MEDIA_ROOT = DATA_DIR / "files"

IS_HTTPS = BASE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IS_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_REFERRER_POLICY = "same-origin"
CSRF_TRUSTED_ORIGINS = [BASE_URL]
LOGIN_REDIRECT_URL = "admin:index"  # also where `next` names another site
CSRF_FAILURE_VIEW = "overplane.backoffice.failures.csrf_failure"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_ENGINE = "overplane.people.sessions"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }
}
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "overplane.people.backends.OneQueryBackend"]
# Five wrong passwords lock this name from this address for a quarter of an hour. The name alone would let anybody lock
# out everybody; the address alone would lock an office for one person's typing. See overplane/people/lock_out.py.
AXES_HANDLER = "overplane.people.lock_out.Handler"
LOGIN_FAILURES_OF_ADDRESS = 50  # in the same time, whatever the names: what ten people of an office may mistype
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # who goes on guessing must not lock a name for good
AXES_CLIENT_IP_CALLABLE = "overplane.addresses.counted"
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "people/locked.html"
AXES_VERBOSE = False
# Not in the log: what was typed into a form is no part of a login, and a name may be a password in the wrong field.
AXES_SENSITIVE_PARAMETERS = ["username", "kept"]
REQUIRE_SECOND_FACTOR = env.flag("REQUIRE_SECOND_FACTOR")
OTP_TOTP_ISSUER = PRODUCT
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AUTH_PASSWORD_VALIDATORS[1]["OPTIONS"] = {"min_length": 12}

# Read by the API's description alone: bodies and answers are JSON by overplane.api's own means.
REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "overplane.api.openapi.ApiSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
}
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
CORS_ALLOW_HEADERS = ["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match"]
CORS_EXPOSE_HEADERS = [
    "Request-Id", "ETag", "Link", "Location", "Allow", "Idempotent-Replayed", "Retry-After",
    "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset",
]  # fmt: skip
CORS_PREFLIGHT_MAX_AGE = 7200  # seconds; Chrome keeps no answer longer

SPECTACULAR_SETTINGS = {
    "TITLE": f"{PRODUCT} API",
    "VERSION": __version__,
    "OAS_VERSION": "3.1.0",
    "SERVERS": [{"url": BASE_URL, "description": f"This deployment, in {OVERPLANE_MODE} mode"}],
    "CONTACT": {"name": PRODUCT, "url": f"{BASE_URL}/docs"},
    # SPDX's way to say that the licence is none of its list.
    "LICENSE": {"name": "Proprietary", "identifier": "LicenseRef-Proprietary"},
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SORT_OPERATION_PARAMETERS": False,
    "POSTPROCESSING_HOOKS": ["overplane.api.openapi.finish"],
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "overplane.log_lines.JsonLines"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "json"},
        "none": {"class": "logging.NullHandler"},  # without any Python would write a traceback of its own
    },
    "root": {"handlers": ["stderr"], "level": env.choice("LOG_LEVEL", ("INFO", "DEBUG", "WARNING", "ERROR"))},
    # A refused host name is answered with 400; a page of traceback for each scanner helps nobody. urllib3 warns of strange
    # headers with the whole URL of a webhook, which may hold a password, and with what was answered.
    "loggers": {
        "urllib3.connection": {"level": "ERROR"},
        "django.security.DisallowedHost": {"handlers": ["none"], "propagate": False},
        "django.request": {"level": "ERROR"},
        "django": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
    },
}
