# `make help` lists the commands. They run in .venv, which is created when first needed.

.DEFAULT_GOAL := help
VENV ?= .venv
BIN := $(VENV)/bin
# The first Python in this list that is 3.11 or newer and can create virtual environments.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$p; break; }; done)
export PYTHONUNBUFFERED = 1
# One process and one database per core, but at most 8, because all share the connections of one
# PostgreSQL server. Tests with the same xdist_group mark run in the same process.
PYTEST = $(BIN)/python -m pytest --numprocesses logical --maxprocesses 8 --dist loadgroup

.PHONY: help run dev test test-slow test-matrix coverage lint typecheck watch format openapi bench requirements clean

help:  ## list these commands
	@grep -hE '^[a-z-]+:.*  ## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*  ## /  make \1\t/' | expand -t 22

run: $(VENV)/.runtime  ## start PostgreSQL, the web server and the worker on http://127.0.0.1:8000
	$(BIN)/python manage.py serve

dev: $(VENV)/.runtime  ## the same as run, and restart the web processes when the code changes
	$(BIN)/python manage.py serve --reload

test: $(VENV)/.development  ## run the tests that are not marked slow, on a real PostgreSQL
	$(PYTEST) -m "not slow"

test-slow: $(VENV)/.development  ## run the slow tests: complete programs, a browser, generated requests
	$(PYTEST) -m slow

test-matrix: $(VENV)/.development  ## run all tests on Python 3.11 with Django 5.2 and on 3.13 with Django 6, if installed
	$(BIN)/tox run

coverage:  ## run test and test-slow, list uncovered lines, fail below the minimum in pyproject.toml
	PYTEST_ADDOPTS="--cov --cov-report= --cov-fail-under=0" $(MAKE) test
	PYTEST_ADDOPTS="--cov --cov-append --cov-report=term-missing:skip-covered" $(MAKE) test-slow

watch: $(VENV)/.development  ## run the tests that are not slow whenever a file changes
	$(BIN)/ptw . -m "not slow"

typecheck: $(VENV)/.development  ## run mypy
	$(BIN)/mypy

lint: $(VENV)/.development  ## run all checks other than tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile
	$(BIN)/python manage.py makemigrations --check --dry-run
	API_ACCESS=keys $(BIN)/python manage.py spectacular --validate --fail-on-warn | diff docs/openapi.yaml -
	DJANGO_DEBUG=0 ALLOWED_HOSTS=tickets.example \
		SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(50))') \
		$(BIN)/python manage.py check --deploy --fail-level WARNING

format: $(VENV)/.development  ## format the code, and fix what ruff can fix
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

openapi: $(VENV)/.development  ## regenerate docs/openapi.yaml
	API_ACCESS=keys $(BIN)/python manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

bench: $(VENV)/.runtime  ## benchmark sales of a hot event, about 11 minutes; ARGS=--quick for a trial
	$(BIN)/python benchmarks/run.py $(ARGS)

requirements: $(VENV)/.development  ## update the pinned requirements from requirements*.in, with hashes
	for name in requirements requirements-dev; do \
		$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --no-emit-find-links --no-header $$name.in -o $$name.txt || exit 1; done

clean:  ## remove .venv and caches; keep the database in .ticketboss
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache htmlcov .coverage

# The requirements are also passed as constraints: pip before 23.3 ignores a pin if another package
# asks for an extra of the same package, and then fails as soon as a newer release exists.
install = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1) -c $(1)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "TicketBoss needs Python 3.11 or newer with venv (on Debian: apt install python3-venv)."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.txt | $(BIN)/python
	$(call install,requirements.txt)
	@touch $@

$(VENV)/.development: requirements-dev.txt | $(BIN)/python
	$(call install,requirements-dev.txt)
	@touch $@ $(VENV)/.runtime
