# `make help` lists what there is. Everything runs in .venv, which is made when it is first needed.

.DEFAULT_GOAL := help
VENV ?= .venv
BIN := $(VENV)/bin
# The newest Python from 3.11 on that can make virtual environments.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$p; break; }; done)
export PYTHONUNBUFFERED = 1

.PHONY: help run dev test test-matrix coverage lint typecheck watch format openapi bench requirements clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*  ## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*  ## /  make \1\t/' | expand -t 22

run: $(VENV)/.runtime  ## start everything and serve on http://127.0.0.1:8000
	$(BIN)/python manage.py serve

dev: $(VENV)/.runtime  ## the same, and restart when the code changes
	$(BIN)/python manage.py serve --reload

test: $(VENV)/.development  ## run the whole suite on a real PostgreSQL
	$(BIN)/python -m pytest

test-matrix: $(VENV)/.development  ## the same on Python 3.11 with Django 5.2 and on 3.13 with 6, if they are there
	$(BIN)/tox run

coverage: $(VENV)/.development  ## run the suite and show what it does not reach
	$(BIN)/python -m pytest --cov --cov-report=term-missing:skip-covered

watch: $(VENV)/.development  ## run the fast tests again whenever a file changes
	$(BIN)/ptw . -m "not slow"

typecheck: $(VENV)/.development  ## mypy alone
	$(BIN)/mypy

lint: $(VENV)/.development  ## all that is checked without running the tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py spectacular --validate --fail-on-warn | diff docs/openapi.yaml -
	DJANGO_DEBUG=0 ALLOWED_HOSTS=tickets.example \
		SECRET_KEY=only-for-this-check-0123456789-abcdefghijklmnopqrstuvwxyz \
		$(BIN)/python manage.py check --deploy --fail-level WARNING

format: $(VENV)/.development  ## format the code and mend what can be mended
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

openapi: $(VENV)/.development  ## write docs/openapi.yaml anew
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

bench: $(VENV)/.runtime  ## measure how fast a hot event is sold, in some 9 minutes; ARGS=--quick tries it out
	$(BIN)/python benchmarks/drop.py $(ARGS)

requirements: $(VENV)/.development  ## pin requirements*.in anew, with hashes
	for name in requirements requirements-dev; do \
		$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --no-emit-find-links --no-header $$name.in -o $$name.txt || exit 1; done

clean:  ## remove .venv and caches; the database in .ticketboss stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache htmlcov .coverage

# As constraints too: pip before 23.3 overlooks a pin when another package asks for an extra of it,
# and fails as soon as there is a newer release.
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
