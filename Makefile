PYTHON ?= python3
VENV := .venv
RUN_STAMP := $(VENV)/.run
DEV_STAMP := $(VENV)/.dev
PYTEST := $(VENV)/bin/python -m pytest -n 2 --dist worksteal
# What is run often leaves out what takes more than a fifth of a second: it would take as long again as all else.
FAST := -m "not slow"
# Make of before 4.0 (macOS) mixes the output of what runs at the same time.
BY_TARGET := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
# Each file is compiled once, also where containers forbid it: a run has some forty processes.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: setup run test fast-sqlite fast-postgresql test-all test-sqlite test-postgresql check lint coverage clients bench audit
setup: $(DEV_STAMP)

$(RUN_STAMP): requirements.txt
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet -r requirements.txt
	touch $@

$(DEV_STAMP): requirements-dev.txt requirements-parquet.txt $(RUN_STAMP)
	$(VENV)/bin/python -m pip install --quiet -r requirements-dev.txt
	touch $@

run: $(RUN_STAMP)
	$(VENV)/bin/python manage.py prepare
	$(VENV)/bin/python manage.py run_worker --with-parent & exec $(VENV)/bin/gunicorn -c overplane/gunicorn.py overplane.wsgi

# Both halves, also when one fails: one after the other, for either keeps two processors busy (187 s; at the same time 219).
# `--half`: what touches no database says the same on both, and runs once.
test: $(DEV_STAMP)
	$(MAKE) --keep-going fast-sqlite fast-postgresql

fast-sqlite: $(DEV_STAMP)
	TEST_DATABASE=sqlite $(PYTEST) $(FAST) --half

fast-postgresql: $(DEV_STAMP)
	TEST_DATABASE=postgresql $(PYTEST) $(FAST) --half

# All tests, both halves at the same time: many wait, for a server or a browser, and leave the processor to the others.
# What each part has said is printed when it has ended.
TOGETHER = $(MAKE) -j 4 --keep-going $(BY_TARGET)

test-all: $(DEV_STAMP)
	$(TOGETHER) test-sqlite test-postgresql

test-sqlite: $(DEV_STAMP)
	TEST_DATABASE=sqlite $(PYTEST) --half

test-postgresql: $(DEV_STAMP)
	TEST_DATABASE=postgresql $(PYTEST) --half

check: $(DEV_STAMP)
	$(TOGETHER) lint clients test-sqlite test-postgresql

lint: $(DEV_STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports
	DATA_DIR=$$(mktemp -d) $(VENV)/bin/mypy
	DATA_DIR=$$(mktemp -d) $(VENV)/bin/python manage.py makemigrations --check --dry-run

# Of all tests on SQLite. Tracing costs Python 3.11 almost their time again, so CI does it, after `check`.
coverage: $(DEV_STAMP)
	TEST_DATABASE=sqlite $(PYTEST) --half --cov --cov-report=

# The API by clients that are generated from its description.
clients: $(DEV_STAMP)
	$(VENV)/bin/python -m tests.clients.run

bench: $(DEV_STAMP)
	$(VENV)/bin/python -m pip install --quiet --no-deps -r requirements-bench.txt
	$(VENV)/bin/python -m bench

# Known holes of what the service installs. Not a part of `check`: it asks the network for them, and what it says changes by itself.
# `--strict`: where that network has no answer for a package, it fails; it would say that nothing is known otherwise.
AUDIT := $(VENV)/audit
audit: $(RUN_STAMP)
	test -x $(AUDIT)/bin/pip-audit || { $(PYTHON) -m venv $(AUDIT) && $(AUDIT)/bin/python -m pip install --quiet pip-audit==2.10.1; }
	$(AUDIT)/bin/pip-audit --strict -r requirements.txt -r requirements-parquet.txt -r requirements-observability.txt
