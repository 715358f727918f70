"""Every setting that the environment may change, with its type, default and meaning."""

import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

BASE_DIR = Path(__file__).resolve().parent.parent

Names = Annotated[tuple[str, ...], NoDecode]


class Env(BaseSettings):
    """Values from the process environment, else from `.env`, else the default."""

    model_config = SettingsConfigDict(
        env_file=BASE_DIR / ".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    PRODUCTION: bool = Field(
        default=False,
        description="Serve the public: demands SECRET_KEY, ALLOWED_HOSTS and HTTPS, and refuses the demo.",
    )
    DEBUG: bool = Field(default=False, description="Show tracebacks in the browser, while developing.")
    SECRET_KEY: str = Field(
        "",
        description="Signs cookies; required in PRODUCTION, else made once and kept in DATA_DIR.",
    )
    ALLOWED_HOSTS: Names = Field(
        ("localhost", "127.0.0.1", "[::1]"),
        description="Host names that the shop answers to in PRODUCTION, separated by commas.",
    )
    CSRF_TRUSTED_ORIGINS: Names = Field(
        (), description="Origins such as https://shop.example.com that may post forms, behind a proxy."
    )
    SECURE_COOKIES: bool | None = Field(
        None,
        description="Demand HTTPS: cookies, redirect, HSTS; empty means in PRODUCTION.",
    )
    HOST: str = Field("127.0.0.1", description="Address that `manage.py serve` listens on; 0.0.0.0 for all.")
    PORT: int = Field(8000, ge=1, le=65535, description="Port that `manage.py serve` listens on.")
    WEB_WORKERS: int = Field(
        1, ge=1, le=64, description="Web processes; each runs WEB_THREADS requests at a time."
    )
    WEB_THREADS: int = Field(8, ge=1, le=256, description="Requests that one web process handles at a time.")
    WORKER_PROCESSES: int = Field(
        2, ge=1, le=64, description="Celery processes; training occupies one of them."
    )
    TORCH_THREADS: int = Field(
        0, ge=0, le=1024, description="CPU threads of the worker's PyTorch; 0 lets each part choose."
    )
    LOG_LEVEL: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least level that is logged."
    )
    DATA_DIR: Path = Field(
        BASE_DIR / ".data", description="Where the embedded services, media and models live."
    )
    DATABASE_URL: str = Field(
        "", description="postgresql://user:password@host:5432/name; empty starts PostgreSQL."
    )
    DATABASE_POOL_SIZE: int = Field(
        0,
        ge=0,
        le=1000,
        description="Most database connections of a process; 0 opens one per thread, without a pool.",
    )
    REDIS_URL: str = Field(
        "", description="redis://host:6379/0; empty starts a redis-server beside the shop."
    )
    SHOP_NAME: str = Field("Tandem", min_length=1, max_length=60, description="The name over every page.")
    CURRENCY: str = Field(
        "USD", pattern="^[A-Z]{3}$", description="ISO 4217 code of every price, such as EUR."
    )
    DEFAULT_REGION: str = Field(
        "",
        pattern="^([A-Z]{2})?$",
        description="ISO 3166 country of a visitor who has not told theirs, such as DE.",
    )
    ATTRIBUTION_DAYS: int = Field(
        7,
        ge=1,
        le=90,
        description="Days after a click on a recommendation in which buying that product counts for it.",
    )
    DIVERSITY: float = Field(
        0.3, ge=0, le=0.9, description="How much variety counts against fit in a list; 0: none."
    )
    CATEGORY_CAP: float = Field(
        0.5, ge=0, le=1, description="Largest share of a list from one category; 0: no limit."
    )
    BRAND_CAP: float = Field(
        0.34, ge=0, le=1, description="Largest share of a list from one brand; 0: no limit."
    )
    EXPLORATION_SHARE: float = Field(
        0.04, ge=0, le=0.5, description="Share of a list's places for new products, by chance; 0: none."
    )
    EXPLORATION_DAYS: int = Field(
        30, ge=1, le=365, description="Days after its release that a product is new for exploration."
    )
    EXPLORATION_IMPRESSIONS: int = Field(
        200, ge=1, description="Lists that showed a new product, after which it must make its own way."
    )
    ROTATION_PLACES: float = Field(
        1.0,
        ge=0,
        le=100,
        description="Places that a product sinks each time a shopper saw it and did not click; 0: none.",
    )
    CONTEXT_BOOST: float = Field(
        0.0,
        ge=0,
        le=3,
        description="How much lists follow the hour and season, as the strength of a rule; 0: not at all.",
    )
    CLIP_MODEL: str = Field(
        "", description="An open_clip architecture; empty uses the bundled compact model."
    )
    CLIP_PRETRAINED: str = Field("", description="An open_clip weights tag or a file, for CLIP_MODEL.")
    SEARCH_IMAGE_HOSTS: Names = Field(
        (),
        description="Hosts, such as *.example.com, of pictures to search by; empty: uploads alone.",
    )

    LIST_CACHE_SECONDS: int = Field(
        900,
        ge=0,
        le=3600,
        description="How long a list is kept for its shopper while nothing it is made of changes; 0: not.",
    )
    API_REQUESTS_PER_MINUTE: int = Field(
        600,
        ge=2,
        description="Calls of the API by one shopper, in each web process; half as many by a stranger.",
    )
    BUFFER_IMPRESSIONS: bool = Field(
        default=True, description="Let the consumer save the lists that pages showed; false: each page does."
    )
    IMPRESSION_DAYS: int = Field(
        90, ge=1, le=3650, description="Days for which the lists that were shown are kept."
    )
    RANKER_AFTER_TRAINING: Literal["none", "lightgbm", "xgboost", "deepfm", "all"] = Field(
        "lightgbm",
        description="The ranker to train for each new version, in two more short trainings; or none.",
    )
    RANKER_LEAST_IMPRESSIONS: int = Field(
        1000,
        ge=20,
        description="Logged lists with an outcome from which rankers learn; below it, held-out interactions.",
    )

    @field_validator("DEBUG")
    @classmethod
    def keep_tracebacks_private(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("PRODUCTION"):
            raise ValueError("it would show tracebacks to the public; leave it out when PRODUCTION is true")
        return value

    @field_validator("ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "SEARCH_IMAGE_HOSTS", mode="before")
    @classmethod
    def split_at_commas(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("CSRF_TRUSTED_ORIGINS")
    @classmethod
    def need_a_scheme(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if urlsplit(origin).scheme not in ("http", "https"):
                raise ValueError(f"{origin!r} is not an origin such as https://shop.example.com")
        return value

    @field_validator("SEARCH_IMAGE_HOSTS")
    @classmethod
    def need_names_of_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not re.fullmatch(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+(:[0-9]{1,5})?", host, re.IGNORECASE):
                raise ValueError(f"{host!r} is not a host such as pictures.example.com or *.example.com")
        return value

    @field_validator("DATA_DIR")
    @classmethod
    def make_absolute(cls, value: Path) -> Path:
        return BASE_DIR / value.expanduser()

    @field_validator("DATABASE_URL")
    @classmethod
    def check_database_url(cls, value: str) -> str:
        if value:
            _check_url(
                value, schemes=("postgresql", "postgres"), example="postgresql://user:password@host:5432/name"
            )
            if not urlsplit(value).path.strip("/"):
                raise ValueError("it names no database; end it with one, as in postgresql://host:5432/shop")
        return value

    @field_validator("REDIS_URL")
    @classmethod
    def check_redis_url(cls, value: str) -> str:
        if value:
            _check_url(value, schemes=("redis", "rediss", "unix"), example="redis://host:6379/0")
        return value


def _check_url(value: str, *, schemes: tuple[str, ...], example: str) -> None:
    """Raise ValueError unless value is a URL of one of the schemes; the password is never repeated."""
    try:
        parts = urlsplit(value)
        valid = parts.scheme in schemes and bool(parts.netloc or parts.path.startswith("/"))
        _ = parts.port
    except ValueError:
        valid = False
    if not valid:
        raise ValueError(f"it is not a URL such as {example}")


def describe(error: ValidationError) -> str:
    """Return one line that names each bad variable, what is wrong with it, and the cure."""
    lines = []
    for problem in error.errors():
        name = str(problem["loc"][0])
        reason = problem["msg"].removeprefix("Value error, ")
        meaning = Env.model_fields[name].description
        lines.append(f"{name}: {reason}. Correct it in the environment or in .env ({meaning})")
    return "; ".join(lines)


def read() -> Env:
    """Return the settings of this process; a bad value ends it with one line instead of a traceback."""
    try:
        return Env()
    except ValidationError as error:
        raise SystemExit(describe(error)) from None


def example() -> str:
    """Return the text of `.env.example`: every setting, commented out, with its meaning and default."""
    blocks = ["# Every setting, with its default. Copy to .env and uncomment what you change.\n"]
    for name, field in Env.model_fields.items():
        default = field.default
        if isinstance(default, tuple):
            default = ",".join(default)
        elif isinstance(default, bool):
            default = str(default).lower()
        elif isinstance(default, Path):
            default = default.relative_to(BASE_DIR)
        blocks.append(f"# {field.description}\n#{name}={'' if default is None else default}\n")
    return "\n".join(blocks)


env = read()

if __name__ == "__main__":
    sys.stdout.write(example())
