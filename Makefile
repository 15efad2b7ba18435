# The two commands of the README are `make up` and `make test`; `make help` lists the rest. Each target does its own
# set-up in .venv, from constraints.txt; nothing outside this folder is touched.
#
#   make up PORT=5501 VAR=/tmp/robotoff      another port, another data folder
#   make test ARGS="-k weight -x"            any options of pytest
#   make PYTHON=python3.12 test              another interpreter

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 5500
VAR ?= ./var
ARGS ?=

BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help up down status test bench lint types imports check format docs constraints venv venv-dev clean

help:  ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: venv  ## Run everything here with the demo's products, in the foreground; data in ./var
	@exec $(BIN)/robotoff up --demo --host $(HOST) --port $(PORT) --var $(VAR) $(ARGS)

down:  ## Stop what `make up` started (from another terminal)
	@$(PYTHON) scripts/running.py down --var $(VAR)

status:  ## Say whether it runs, and how well
	@$(PYTHON) scripts/running.py status --var $(VAR) --host $(HOST) --port $(PORT)

test: venv-dev  ## Run all tests, with a real PostgreSQL and Redis
	@$(BIN)/python -m pytest --timeout=180 --timeout-method=thread $(ARGS)

bench: venv-dev  ## Measure start-up, prediction, bulk import and memory, as ratios
	@$(BIN)/nox -s bench -- $(ARGS)

lint: venv-dev  ## Style and common mistakes (ruff)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: venv-dev  ## mypy, strict
	@$(BIN)/nox -s types

imports: venv-dev  ## Who may import whom
	@$(BIN)/nox -s imports

check: lint types imports test  ## All of the above that CI runs

format: venv-dev  ## Let ruff lay out the code
	@$(BIN)/ruff check --fix-only --quiet . ; $(BIN)/ruff format .

docs: venv-dev  ## Write the generated pages of docs/reference anew
	@$(BIN)/python scripts/generate_docs.py

constraints: venv-dev  ## Write constraints.txt from what is installed in .venv
	@$(BIN)/python scripts/constraints.py

venv:  ## Only prepare .venv, enough to run
	@$(PYTHON) scripts/prepare.py run

venv-dev:  ## Only prepare .venv, with everything for tests
	@$(PYTHON) scripts/prepare.py dev

clean:  ## Remove caches and build results; keeps .venv and ./var
	@rm -rf dist build .nox .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
