"""The house rules that a machine can check."""

import ast
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from shop.env import BASE_DIR

ROOMS = ("shop", "recommender", "ml", "feature_repo")
MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 350
# Slow to import, so loaded inside the one function that needs them, each time with its reason.
HEAVY = {
    "torch",
    "torchvision",
    "open_clip",
    "feast",
    "sqlalchemy",  # which feast brings
    "diffusers",
    "transformers",
    "safetensors",
    "pandas",
    "timm",
    "lightgbm",  # which brings pandas
    "xgboost",
}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def sources(*folders: str) -> list[Path]:
    """Return every Python file of the folders that people write."""
    found = [path for folder in folders for path in sorted((BASE_DIR / folder).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(), filename=str(path))):
        if isinstance(node, FUNCTIONS):
            yield node


def place(path: Path, node: ast.stmt) -> str:
    return f"{path.relative_to(BASE_DIR)}:{node.lineno}"


def imported(node: ast.AST) -> set[str]:
    """Return the names of the modules that the statement imports."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        submodules = {f"{node.module}.{alias.name}" for alias in node.names}
        ours = {name for name in submodules if module_file(name).exists()}
        return ours or {node.module or ""}
    return set()


def module_file(module: str) -> Path:
    base = BASE_DIR / Path(*module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def test_the_import_contracts_hold():
    script = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, cwd=BASE_DIR, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_no_function_is_longer_than_a_screen():
    long = [
        f"{place(path, node)} {node.name}: {lines} lines"
        for path in sources(*ROOMS, "tests")
        for node in functions(path)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION_LINES
    ]
    assert long == []


def test_no_file_is_longer_than_one_subject():
    lengths = {
        str(path.relative_to(BASE_DIR)): len(path.read_text().splitlines()) for path in sources(*ROOMS)
    }
    assert {name: lines for name, lines in lengths.items() if lines > MAX_FILE_LINES} == {}


def test_every_module_says_what_it_is_about():
    silent = [
        str(path.relative_to(BASE_DIR))
        for path in sources(*ROOMS)
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_only_slow_libraries_are_imported_inside_functions():
    hidden = []
    for path in sources(*ROOMS):
        for function in functions(path):
            if function.name == "ready":  # AppConfig.ready, where models exist at last
                continue
            for node in ast.walk(function):
                names = imported(node)
                if names and not all(name.split(".")[0] in HEAVY or reaches_heavy(name) for name in names):
                    assert isinstance(node, ast.stmt)
                    hidden.append(f"{place(path, node)} {', '.join(sorted(names))}")
    assert hidden == []


def reaches_heavy(module: str) -> bool:
    """Return whether the module is one of ours that imports a slow library when it is imported itself."""
    if module.split(".", maxsplit=1)[0] not in ROOMS:
        return False
    path = module_file(module)
    if not path.exists():
        return False
    top = [name for node in ast.parse(path.read_text()).body for name in imported(node)]
    return any(name.split(".")[0] in HEAVY or (name != module and reaches_heavy(name)) for name in top)


@pytest.mark.parametrize(
    "module",
    ["shop.urls", "recommender.tasks", "shop.admin", "recommender.admin", "recommender.recommendations"],
)
def test_pages_load_no_slow_library(module):
    script = (
        f"import django; django.setup(); import sys, {module}; print(*sorted(set(sys.modules) & {HEAVY!r}))"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "shop.settings"}
    command = [sys.executable, "-c", script]
    result = subprocess.run(
        command, cwd=BASE_DIR, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert result.returncode == 0, result.stderr
    assert set(result.stdout.split()) - {"safetensors"} == set()


def test_migrations_are_complete(db: None):
    command = [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"]
    result = subprocess.run(command, cwd=BASE_DIR, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_requirements_pin_what_the_project_names():
    """The direct dependencies of pyproject.toml appear in requirements.txt at the same version."""
    project = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]
    direct = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    pinned = {
        line.split(" ;")[0].strip() for line in (BASE_DIR / "requirements.txt").read_text().splitlines()
    }
    normal = {pin.lower().replace("_", "-") for pin in pinned}
    missing = []
    for requirement in direct:
        name, version = requirement.split("==")
        if f"{name.split('[')[0].lower().replace('_', '-')}=={version}" not in normal:
            missing.append(requirement)
    assert missing == [], "run: make requirements"
