# The commands of this project; `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
UV_VERSION := 0.13.8
# More than one pytest process per two cores gains nothing: each has a PostgreSQL and a Redis of its own.
TEST_PROCESSES ?= 2
PYTEST_FLAGS ?=
export UV_HTTP_TIMEOUT := 300

.PHONY: help demo run test lint format bench bench-model bench-ranking bench-serving bench-large bench-search bench-pictures clean browser

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z.-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP) ## Make a shop with data, train a model on it and serve it at http://localhost:8000/
	@$(BIN)/python manage.py demo

run: $(STAMP) ## Serve the shop that is there, with its worker
	@$(BIN)/python manage.py serve

test: lint browser ## Check style, types and import contracts, then run every test
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) $(PYTEST_FLAGS)

lint: $(STAMP) ## Check style, types and import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## Put every file into the one format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Real data for the benchmark of the model: a folder with ml-1m/ and online-retail/.
DATA ?= ../shared/data
BENCH_SEEDS ?= 1 2 3
RETAIL := .bench/online-retail
CONTENT := --items $(RETAIL)/items.csv --users $(RETAIL)/users.csv
bench-model: $(STAMP) ## Measure the model beside its baselines, on real data and on a generated shop
	mkdir -p .bench
	$(BIN)/python -m ml.benchmark --train $(DATA)/ml-1m/train.txt --test $(DATA)/ml-1m/test.txt \
		--seeds $(BENCH_SEEDS) --json .bench/ml-1m.json
	$(BIN)/python tests/bench/online_retail.py $(DATA)/online-retail/online_retail.csv.gz $(RETAIL)
	$(BIN)/python -m ml.benchmark --interactions $(RETAIL)/interactions.csv --split time --days 28 \
		--json .bench/retail-time.json
	$(BIN)/python -m ml.benchmark --interactions $(RETAIL)/interactions.csv --split time --days 28 \
		$(CONTENT) --json .bench/retail-time-content.json
	$(BIN)/python -m ml.benchmark --interactions $(RETAIL)/interactions.csv --split last \
		--json .bench/retail-last.json
	$(BIN)/python -m ml.benchmark --interactions $(RETAIL)/interactions.csv --split last \
		$(CONTENT) --json .bench/retail-last-content.json
	$(BIN)/python tests/bench/generated.py --json .bench/generated.json

bench-ranking: $(STAMP) ## Measure the second stage: each ranker beside the retrieval order, on real data
	mkdir -p .bench
	$(BIN)/python tests/bench/online_retail.py $(DATA)/online-retail/online_retail.csv.gz $(RETAIL)
	$(BIN)/python -m tests.bench.ranking $(RETAIL) --seeds $(BENCH_SEEDS) --json .bench/ranking.json

bench: $(STAMP) ## Measure the loop on this machine: import, train, recommend
	$(BIN)/python tests/bench/loop.py

# Throughput is wrk's; without root and without it, our own client stands in.
SERVING_FLAGS ?=
bench-serving: $(STAMP) ## Measure the shop under load: pages, the API, retrieval alone
	@command -v wrk >/dev/null 2>&1 || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends wrk >/dev/null; } || \
		echo "No wrk: a client in Python stands in for it. Install it with your package manager."
	$(BIN)/python -m tests.bench.serving $(SERVING_FLAGS)

SEARCH_FLAGS ?=
bench-search: $(STAMP) ## Measure text search and suggestions at 100,000 products
	$(BIN)/python -m tests.bench.search_speed $(SEARCH_FLAGS)

bench-large: $(STAMP) ## Train on a million shoppers, 200,000 products and 20 million events
	$(BIN)/python -m tests.bench.large

bench-pictures: $(STAMP) ## Measure search by picture: worn copies, real photographs, the time of a query's encoding
	$(BIN)/python -m tests.bench.pictures --json .bench/pictures.json
	$(BIN)/python -m tests.bench.fashion $(DATA)/fashion --json .bench/fashion.json
	$(BIN)/python -m tests.bench.query_encoding

clean: ## Remove the data and the caches; the installed packages stay
	rm -rf .data .bench .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis staticfiles
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# The browser tests use the system's Chromium; without root it must be there already, or they are skipped.
browser: $(STAMP)
	@command -v chromium chromium-browser google-chrome >/dev/null 2>&1 || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Chromium for the browser tests"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	else \
		echo "No Chromium: the browser tests will be skipped. Install it with your package manager."; \
	fi

$(STAMP): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Python 3.11 or newer is needed: $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.11"; exit 1; }
	@echo "Installing the packages of requirements.txt into $(VENV); once, a few minutes"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "Cannot make a virtual environment. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) || true
	@if [ -x $(BIN)/uv ]; then $(BIN)/uv pip install --python $(BIN)/python -r requirements.txt; else false; fi || \
		$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	@touch $(STAMP)

# After a change of the dependencies in pyproject.toml: make requirements
requirements: ## Pin every package anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --no-annotate \
		--custom-compile-command "make requirements" pyproject.toml -o requirements.txt
.PHONY: requirements
