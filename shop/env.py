"""Every setting that the environment may change, with its type, default and meaning."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

BASE_DIR = Path(__file__).resolve().parent.parent


class Env(BaseSettings):
    """Values from the process environment, else from `.env`, else the default."""

    model_config = SettingsConfigDict(env_file=BASE_DIR / ".env", extra="ignore", frozen=True)

    DEBUG: bool = Field(True, description="Show tracebacks in the browser; set to false in production.")
    DATA_DIR: Path = Field(BASE_DIR / ".data", description="Where the embedded services, media and models live.")
    DATABASE_URL: str = Field("", description="postgresql://user:password@host:5432/name; empty starts PostgreSQL.")
    REDIS_URL: str = Field("", description="redis://host:6379/0; empty starts a redis-server beside the shop.")
    CLIP_MODEL: str = Field("", description="An open_clip architecture; empty uses the bundled compact model.")
    CLIP_PRETRAINED: str = Field("", description="An open_clip weights tag or a file, for CLIP_MODEL.")


env = Env()
