"""Settings that follow from the environment, read in processes of their own."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

from csp.middleware import CSPMiddleware
from django.conf import settings
from django.contrib.auth import get_user_model
from django.http import HttpResponse
from django.test import RequestFactory

from shop.env import BASE_DIR

PRODUCTION = {"PRODUCTION": "true", "SECRET_KEY": "long-and-random", "ALLOWED_HOSTS": "shop.example.com"}


def read(*names: str, **variables: str) -> dict[str, object]:
    """Return the named settings of a process with these environment variables."""
    script = "import json, sys; from shop import settings; "
    script += "print(json.dumps({name: getattr(settings, name) for name in sys.argv[1:]}, default=str))"
    result = run(script, *names, **variables)
    assert result.returncode == 0, result.stderr
    found: dict[str, object] = json.loads(result.stdout)
    return found


def run(script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *arguments]
    environment = {**os.environ, **variables}
    return subprocess.run(
        command, cwd=BASE_DIR, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def test_the_secret_key_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path):
    first = read("SECRET_KEY", DATA_DIR=str(tmp_path), SECRET_KEY="")
    assert len(str(first["SECRET_KEY"])) > 50
    assert read("SECRET_KEY", DATA_DIR=str(tmp_path), SECRET_KEY="") == first
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_production_needs_a_secret_key(tmp_path: Path):
    result = run("import shop.settings", DATA_DIR=str(tmp_path), PRODUCTION="true", SECRET_KEY="")
    assert result.returncode == 1
    assert result.stderr.startswith("SECRET_KEY: it is required when PRODUCTION is true.")
    assert result.stderr.count("\n") == 1


def test_production_demands_https_and_its_own_host_name():
    names = ("ALLOWED_HOSTS", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT")
    found = read(*names, "SECURE_HSTS_SECONDS", **PRODUCTION)
    assert found.pop("ALLOWED_HOSTS") == ["shop.example.com", "localhost"]
    assert found.pop("SECURE_HSTS_SECONDS") == 31536000
    assert set(found.values()) == {True}


def test_https_can_be_left_out_behind_a_closed_network():
    found = read("SESSION_COOKIE_SECURE", "SECURE_SSL_REDIRECT", SECURE_COOKIES="false", **PRODUCTION)
    assert set(found.values()) == {False}


def test_a_database_url_is_taken_apart():
    url = "postgresql://ann:p%40ss@db.example.com:6543/loop?sslmode=require"
    database = read("DATABASES", DATABASE_URL=url, DATABASE_POOL_SIZE="5")["DATABASES"]["default"]  # type: ignore[index]
    assert database["NAME"] == "loop"
    assert (database["USER"], database["PASSWORD"]) == ("ann", "p@ss")
    assert (database["HOST"], database["PORT"]) == ("db.example.com", "6543")
    assert database["OPTIONS"]["sslmode"] == "require"
    assert database["OPTIONS"]["pool"]["max_size"] == 5
    assert database["CONN_HEALTH_CHECKS"]  # after a restart the pool holds broken connections
    assert database["CONN_MAX_AGE"] == 0  # Django refuses a pool together with kept connections


def test_passwords_are_hashed_with_argon2(db: None):
    user = get_user_model().objects.create_user("ann@example.com", "correct-horse-battery")
    assert user.password.startswith("argon2$")


def test_background_work_speaks_json_and_keeps_no_results():
    assert settings.CELERY_ACCEPT_CONTENT == ["json"]
    assert settings.CELERY_TASK_IGNORE_RESULT
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        assert entry["task"].startswith("recommender.tasks.")
        assert entry["options"]["expires"] < entry["schedule"]


def test_pages_may_run_only_our_own_scripts(client, db: None):
    policy = client.get("/healthz").headers["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["style-src"] == "'self'"
    assert directives["img-src"] == "'self' data: https:"
    assert "unsafe" not in policy


def test_a_script_with_the_pages_nonce_may_run():
    nonces: list[str] = []

    def page(request: object) -> HttpResponse:
        nonces.append(str(request.csp_nonce))  # type: ignore[attr-defined]
        return HttpResponse("page")

    response = CSPMiddleware(page)(RequestFactory().get("/"))
    assert f"script-src 'self' 'nonce-{nonces[0]}'" in response.headers["Content-Security-Policy"]
