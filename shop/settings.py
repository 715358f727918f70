"""Django settings; every value that an operator may change comes from shop.env."""

import os
import secrets
from pathlib import Path

from csp.constants import NONCE, NONE, SELF
from psycopg.conninfo import conninfo_to_dict

from shop.env import BASE_DIR, env


def _secret_key() -> str:
    """Return the configured key, else one made once and kept in DATA_DIR, readable by this user alone."""
    if env.SECRET_KEY:
        return env.SECRET_KEY
    if env.PRODUCTION:
        raise SystemExit(
            "SECRET_KEY: it is required when PRODUCTION is true. Set it to a long random text, such as of "
            "`python3 -c 'import secrets; print(secrets.token_urlsafe(50))'`"
        )
    path = env.DATA_DIR / "secret_key"
    try:
        env.DATA_DIR.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            draft = path.with_name(f"secret_key.{os.getpid()}")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(50))
            _publish_once(draft, path)
        return path.read_text()
    except OSError as error:
        raise SystemExit(f"DATA_DIR: cannot write there ({error}). Set it to a folder that you own") from None


def _publish_once(draft: Path, path: Path) -> None:
    """Give the draft its final name unless another process was first; its key then holds for both."""
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _database() -> dict[str, object]:
    """Return Django's settings of the database: the one of DATABASE_URL, else the embedded one."""
    options: dict[str, object] = {}
    if env.DATABASE_POOL_SIZE:
        options["pool"] = {"min_size": 1, "max_size": env.DATABASE_POOL_SIZE, "timeout": 10}
    parameters = (
        conninfo_to_dict(env.DATABASE_URL) if env.DATABASE_URL else {"dbname": "shop", "user": "postgres"}
    )
    options["connect_timeout"] = 10
    return {
        "ENGINE": "shop.embedded",
        "NAME": parameters.pop("dbname"),
        "USER": parameters.pop("user", ""),
        "PASSWORD": parameters.pop("password", ""),
        "HOST": parameters.pop("host", ""),
        "PORT": parameters.pop("port", ""),
        "OPTIONS": {**options, **parameters},
        "CONN_MAX_AGE": 0 if env.DATABASE_POOL_SIZE else 60,
        "CONN_HEALTH_CHECKS": True,  # one short round trip, so that a page outlives a restart of the database
    }


DEBUG = env.DEBUG
PRODUCTION = env.PRODUCTION
SECRET_KEY = _secret_key()
DATA_DIR = env.DATA_DIR
ALLOWED_HOSTS = [*env.ALLOWED_HOSTS, "localhost"] if env.PRODUCTION else ["*"]  # health checks come from here
CSRF_TRUSTED_ORIGINS = list(env.CSRF_TRUSTED_ORIGINS)

INSTALLED_APPS = [
    "recommender",
    "shop",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
    "rest_framework",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "recommender.quick_api.QuickApiMiddleware",  # before all that a list kept for its shopper does without
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "shop.visitors.VisitorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
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
                "csp.context_processors.nonce",
                "shop.context_processors.shop",
            ]
        },
    }
]

# Data and services. Without a URL it is the embedded server, whose address shop.embedded.redis_url() gives.
DATABASES = {"default": _database()}
DATABASE_URL = env.DATABASE_URL
REDIS_URL = env.REDIS_URL
CACHES = {"default": {"BACKEND": "shop.embedded.cache.RedisCache", "KEY_PREFIX": "shop", "TIMEOUT": 300}}
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Accounts
AUTH_USER_MODEL = "shop.User"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "shop:login"
LOGIN_REDIRECT_URL = "shop:home"
LOGOUT_REDIRECT_URL = "shop:home"

# Language and money
LANGUAGE_CODE = "en-us"
USE_I18N = False  # the shop speaks English; every value of a template asked for the language, 3 % of a page
USE_TZ = True
TIME_ZONE = "UTC"
SHOP_NAME = env.SHOP_NAME
CURRENCY = env.CURRENCY
DEFAULT_REGION = env.DEFAULT_REGION
ATTRIBUTION_DAYS = env.ATTRIBUTION_DAYS

# Lists: variety, and room for what is new
DIVERSITY = env.DIVERSITY
CATEGORY_CAP = env.CATEGORY_CAP
BRAND_CAP = env.BRAND_CAP
EXPLORATION_SHARE = env.EXPLORATION_SHARE
EXPLORATION_DAYS = env.EXPLORATION_DAYS
EXPLORATION_IMPRESSIONS = env.EXPLORATION_IMPRESSIONS
ROTATION_PLACES = env.ROTATION_PLACES
CONTEXT_BOOST = env.CONTEXT_BOOST

# Files. While developing, WhiteNoise serves the sources; in production `collectstatic` fills STATIC_ROOT.
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = BASE_DIR / "staticfiles" if env.PRODUCTION else None
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if env.PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not env.PRODUCTION
MEDIA_URL = "media/"
MEDIA_ROOT = DATA_DIR / "media"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20

# Security. 'self' stays beside the nonce for the admin's own script files.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "https:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_ONLY = env.SECURE_COOKIES if env.SECURE_COOKIES is not None else env.PRODUCTION
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = SECURE_ONLY
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if SECURE_ONLY else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_ONLY
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE_ONLY else None
SECURE_REDIRECT_EXEMPT = ["^healthz$"]

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_THROTTLE_CLASSES": ["recommender.throttling.PerMinute"],
}

# Lists that were shown
LIST_CACHE_SECONDS = env.LIST_CACHE_SECONDS
API_REQUESTS_PER_MINUTE = env.API_REQUESTS_PER_MINUTE
BUFFER_IMPRESSIONS = env.BUFFER_IMPRESSIONS
IMPRESSION_DAYS = env.IMPRESSION_DAYS

# The second stage
RANKER_AFTER_TRAINING = env.RANKER_AFTER_TRAINING
RANKER_LEAST_IMPRESSIONS = env.RANKER_LEAST_IMPRESSIONS

# Search
SEARCH_IMAGE_HOSTS = env.SEARCH_IMAGE_HOSTS

# Background work
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = TIME_ZONE
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"global_keyprefix": "celery:", "visibility_timeout": 12 * 3600}
CELERY_BEAT_SCHEDULE = {
    # A tick that waited as long as the next is dropped, so that they do not pile up behind a training run.
    name: {"task": f"recommender.tasks.{name}", "schedule": every, "options": {"expires": 0.92 * every}}
    for name, every in {
        "fail_abandoned_runs": 60.0,
        "embed_new_items": 60.0,
        # A saved product is to be found within a minute: by its words, its texts and its picture.
        "update_content_embeddings": 20.0,
        "purge_impressions": 3600.0,
        "recompute_co_purchases": 3600.0,
    }.items()
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        **{
            name: {"level": env.LOG_LEVEL}
            for name in ("shop", "recommender", "ml", "feature_repo", "celery", "django")
        },
        # Each periodic task would be three lines a minute; a task that fails is an ERROR.
        **{
            name: {"level": "WARNING"}
            for name in ("celery.beat", "celery.worker.strategy", "celery.app.trace")
        },
    },
}

# Named here because the shop imports nothing of the recommender; called by shop.wsgi and shop.asgi.
WARM_UP = [
    "recommender.gathering.warm_in_background",
    "recommender.features.warm_in_background",
    "recommender.encoders.warm",
    "recommender.search.vectors.warm_in_background",
    "recommender.rankers.warm",
    "recommender.search.word_index.warm",
]
