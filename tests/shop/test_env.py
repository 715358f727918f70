"""Settings from the environment: their defaults, their checks, and the file that documents them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import quote

import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError, connection
from pydantic import ValidationError

import manage as entry
from shop import env as settings_env
from shop.env import BASE_DIR, Env, describe


@pytest.fixture(autouse=True)
def _no_file(monkeypatch):
    """Read no `.env` of the machine that runs the tests."""
    monkeypatch.setitem(Env.model_config, "env_file", None)


def problem(monkeypatch, name: str, value: str) -> str:
    """Return the line that the bad value stops the start-up with."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as caught:
        Env()
    return describe(caught.value)


def test_the_example_file_is_the_one_that_the_settings_generate():
    written = (BASE_DIR / ".env.example").read_text()
    assert written == settings_env.example(), "run: python -m shop.env > .env.example"


def test_every_setting_says_what_it_is_for():
    assert [name for name, field in Env.model_fields.items() if not field.description] == []


def test_the_examples_defaults_are_the_defaults(monkeypatch):
    for name in Env.model_fields:
        monkeypatch.delenv(name, raising=False)
    defaults = Env()
    for line in settings_env.example().splitlines():
        if line.startswith("#") and not line.startswith("# "):
            name, value = line[1:].split("=", 1)
            monkeypatch.setenv(name, value)
    assert Env() == defaults


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("DATABASE_URL", "localhost", "it is not a URL such as postgresql://"),
        ("DATABASE_URL", "mysql://localhost/shop", "it is not a URL such as postgresql://"),
        ("DATABASE_URL", "postgresql://localhost:port/shop", "it is not a URL such as postgresql://"),
        ("DATABASE_URL", "postgresql://localhost:5432", "it names no database"),
        ("REDIS_URL", "localhost:6379", "it is not a URL such as redis://"),
        ("PORT", "80000", "less than or equal to 65535"),
        ("PORT", "http", "valid integer"),
        ("DEBUG", "perhaps", "valid boolean"),
        ("CURRENCY", "euro", "match pattern"),
        ("DEFAULT_REGION", "Germany", "match pattern"),
        ("LOG_LEVEL", "LOUD", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("CSRF_TRUSTED_ORIGINS", "shop.example.com", "'shop.example.com' is not an origin such as https://"),
        ("SEARCH_IMAGE_HOSTS", "a.example.com,*", "'*' is not a host such as pictures.example.com"),
        ("SEARCH_IMAGE_HOSTS", "https://a.example.com", "is not a host such as pictures.example.com"),
    ],
)
def test_a_bad_value_is_named_with_its_cure(monkeypatch, name, value, reason):
    line = problem(monkeypatch, name, value)
    assert line.startswith(f"{name}: ")
    assert reason in line
    assert "Correct it in the environment or in .env" in line
    assert "\n" not in line


def test_a_password_in_a_bad_url_is_not_repeated(monkeypatch):
    assert "hunter2" not in problem(monkeypatch, "DATABASE_URL", "mysql://root:hunter2@localhost/shop")


def test_two_bad_values_are_both_named(monkeypatch):
    monkeypatch.setenv("PORT", "0")
    assert {"PORT", "DEBUG"} <= set(problem(monkeypatch, "DEBUG", "perhaps").replace(":", "").split())


def test_tracebacks_are_never_shown_to_the_public(monkeypatch):
    monkeypatch.setenv("PRODUCTION", "true")
    assert "leave it out when PRODUCTION is true" in problem(monkeypatch, "DEBUG", "true")


def test_lists_are_split_at_commas(monkeypatch):
    monkeypatch.setenv("ALLOWED_HOSTS", "shop.example.com, www.example.com,")
    assert Env().ALLOWED_HOSTS == ("shop.example.com", "www.example.com")
    monkeypatch.setenv("SEARCH_IMAGE_HOSTS", "*.example.com,img.example.org:8443")
    assert Env().SEARCH_IMAGE_HOSTS == ("*.example.com", "img.example.org:8443")


def test_a_relative_data_folder_lies_in_the_project(monkeypatch):
    monkeypatch.setenv("DATA_DIR", "somewhere")
    assert Env().DATA_DIR == BASE_DIR / "somewhere"
    monkeypatch.setenv("DATA_DIR", "/srv/shop")
    assert str(Env().DATA_DIR) == "/srv/shop"


def test_an_empty_value_means_the_default(monkeypatch):
    monkeypatch.setenv("PORT", "")
    assert Env().PORT == 8000


def manage(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BASE_DIR / "manage.py"), *arguments]
    return subprocess.run(
        command, env={**os.environ, **variables}, capture_output=True, text=True, check=False, timeout=300
    )


def test_start_up_ends_with_one_line_and_no_traceback():
    result = manage("migrate", PORT="many")
    assert result.returncode == 1
    assert result.stderr.startswith("PORT: ")
    assert result.stderr.count("\n") == 1


def test_a_database_that_does_not_answer_is_one_line():
    result = manage("migrate", "--skip-checks", DATABASE_URL="postgresql://shop:hunter2@127.0.0.1:1/shop")
    assert result.returncode == 1
    assert result.stderr.startswith("DATABASE_URL: no connection to PostgreSQL at 127.0.0.1:1 (")
    assert "Start it" in result.stderr
    assert "hunter2" not in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_database_that_fails_in_mid_command_is_one_line(monkeypatch):
    def fail(argv):
        raise OperationalError("could not extend file:\nNo space left on device")

    monkeypatch.setattr(entry, "execute_from_command_line", fail)
    with pytest.raises(SystemExit, match=r"^The database failed: could not extend file: No space"):
        entry.main()


@pytest.fixture
def ascii_database(db: None) -> Iterator[str]:
    """The URL of a database such as a server makes that was set up without a locale."""
    if settings.DATABASE_URL:
        pytest.skip("makes a database on the embedded server")
    host = connection.get_connection_params()["host"]
    with psycopg.connect(host=host, user="postgres", dbname="postgres", autocommit=True) as server:
        server.execute(
            "CREATE DATABASE old_shop ENCODING SQL_ASCII LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
        )
        yield f"postgresql://postgres@/old_shop?host={quote(host, safe='')}"
        server.execute("DROP DATABASE old_shop")


def test_a_database_that_cannot_hold_every_text_is_one_line(ascii_database):
    result = manage("migrate", "--skip-checks", DATABASE_URL=ascii_database)
    assert result.returncode == 1
    assert result.stderr.startswith(
        "DATABASE_URL: the database old_shop holds SQL_ASCII, not UTF8. Make it anew: "
    )
    assert result.stderr.count("\n") == 1


def test_a_redis_that_does_not_answer_is_one_line():
    result = manage("serve", "--skip-checks", "--port", "18432", REDIS_URL="redis://127.0.0.1:1/0")
    assert result.returncode == 1
    assert result.stderr.startswith("REDIS_URL: no Redis answers at 127.0.0.1:1 (")
    assert result.stderr.count("\n") == 1
