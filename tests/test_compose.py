"""docker-compose.yml and the Dockerfile, as far as they can be checked without an engine."""

import re
import subprocess
from functools import cache
from typing import Any

import pytest
import yaml
from celery.bin.celery import celery
from celery.utils.nodenames import default_nodename
from click.testing import CliRunner
from django.core.management import get_commands, load_command_class

from shop.env import BASE_DIR, Env

OURS = ("web", "worker", "beat", "consumer", "setup")


HEALTHY = ("postgres", "redis", "worker", "beat", "consumer")


@cache
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((BASE_DIR / "docker-compose.yml").read_text())
    return loaded


def services() -> dict[str, Any]:
    found: dict[str, Any] = compose()["services"]
    return found


def settled(text: Any, **given: str) -> str:
    """Return the text with each ${NAME:-default} as Compose fills it in."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: given.get(found[1]) or found[2], str(text))


def dockerfile() -> str:
    return (BASE_DIR / "Dockerfile").read_text()


def test_the_services_of_the_shop_are_there():
    assert set(services()) == {*OURS, "postgres", "redis"}


def test_the_shop_is_reached_on_port_8000_of_this_machine_alone():
    assert services()["web"]["ports"] == ["127.0.0.1:${PORT:-8000}:8000"]
    published = {name for name, service in services().items() if "ports" in service}
    assert published == {"web"}


@pytest.mark.parametrize("name", ["web", "worker", "beat", "consumer"])
def test_the_shop_starts_after_set_up_and_healthy_services(name):
    conditions = {needed: entry["condition"] for needed, entry in services()[name]["depends_on"].items()}
    assert conditions == {
        "setup": "service_completed_successfully",
        "postgres": "service_healthy",
        "redis": "service_healthy",
    }


def test_set_up_runs_once_and_waits_for_the_services_alone():
    setup = services()["setup"]
    assert setup["restart"] == "no"
    assert set(setup["depends_on"]) == {"postgres", "redis"}


def test_what_others_wait_for_has_a_health_check():
    assert all("test" in services()[name]["healthcheck"] for name in HEALTHY)
    assert "HEALTHCHECK" in dockerfile()


@pytest.mark.parametrize("name", ["web", "consumer", "setup"])
def test_commands_and_their_options_exist(name):
    _, _, command, *arguments = map(settled, services()[name]["command"])
    parser = load_command_class(get_commands()[command], command).create_parser("manage.py", command)
    parser.parse_args(arguments)


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_celery_knows_the_options_of_its_commands(name):
    program, *arguments = map(settled, services()[name]["command"])
    assert program == "celery"
    result = CliRunner().invoke(celery, [*arguments, "--help"])
    assert (result.exit_code, "Usage: celery " + name in result.output) == (0, True), result.output
    assert CliRunner().invoke(celery, [*arguments, "--unknown", "--help"]).exit_code == 2


def test_set_up_prints_the_address_that_is_published():
    command = [settled(word, PORT="9000") for word in services()["setup"]["command"]]
    assert command[-2:] == ["--port", "9000"]
    assert settled(services()["web"]["ports"][0], PORT="9000") == "127.0.0.1:9000:8000"


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting(name):
    assert set(services()[name]["environment"]) - {"OMP_NUM_THREADS"} <= set(Env.model_fields)
    declared = re.findall(r"\b([A-Z_]+)=", " ".join(re.findall(r"^ENV (.*(?:\\\n.*)*)", dockerfile(), re.M)))
    assert set(declared) - {"PATH", "PYTHONUNBUFFERED"} <= set(Env.model_fields)


def test_every_setting_that_the_file_does_not_fix_can_be_given():
    asked = set(re.findall(r"\$\{(\w+):-", str(compose())))
    assert set(Env.model_fields) - asked == {"HOST", "DATA_DIR", "DATABASE_URL", "REDIS_URL"}


@pytest.mark.parametrize("name", OURS)
def test_the_shop_accepts_the_environment_when_nothing_is_given(name, monkeypatch):
    for variable in Env.model_fields:
        monkeypatch.delenv(variable, raising=False)
    for variable, value in services()[name]["environment"].items():
        monkeypatch.setenv(variable, settled(value))
    env = Env(_env_file=None)
    assert (env.PRODUCTION, env.WEB_THREADS, env.SHOP_NAME) == (False, 8, "Tandem")
    assert env.DATABASE_URL == "postgresql://shop:shop@postgres:5432/shop"


def test_the_addresses_name_the_services_of_this_file():
    environment = services()["web"]["environment"]
    assert "@postgres:5432/shop" in environment["DATABASE_URL"]
    assert environment["REDIS_URL"] == "redis://redis:6379/0"
    assert services()["postgres"]["image"].startswith("pgvector/pgvector:")


def test_data_outlives_the_containers():
    mounted = {
        volume.split(":")[0] for service in services().values() for volume in service.get("volumes", [])
    }
    assert mounted == set(compose()["volumes"])


def test_the_worker_is_asked_by_the_name_that_it_gives_itself(tmp_path):
    command = services()["worker"]["healthcheck"]["test"][1].replace("$$", "$")
    stand_in = tmp_path / "celery"
    stand_in.write_text('#!/bin/sh\nprintf "%s\\n" "$@"')
    stand_in.chmod(0o755)
    asked = subprocess.check_output(
        ["sh", "-c", command], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, text=True
    )
    assert asked.split()[-1] == default_nodename(None)


def test_the_image_does_not_run_as_root():
    user = dockerfile().rindex("\nUSER shop")
    assert dockerfile().rindex("\nRUN ") < user < dockerfile().rindex("\nCMD ")


def test_secrets_and_data_stay_out_of_the_image():
    ignored = (BASE_DIR / ".dockerignore").read_text().split()
    assert {".env", ".data", ".git", ".venv"} <= set(ignored)
