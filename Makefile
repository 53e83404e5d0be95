# Needs Python 3.11 or newer. Another Python: make serve PYTHON=python3.13
PYTHON ?= python3
VENV := .venv
# uWSGI's build takes the same.
export CC := $(if $(filter default undefined,$(origin CC)),gcc,$(CC))
APT := sudo apt-get install
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_BUILD_CONSTRAINT=constraints.txt \
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt
fail = { echo "$(1)" >&2; exit 1; }
COMPILES = echo '\#include <Python.h>' | $(CC) -fsyntax-only -x c -I"$$($(PYTHON) -c \
	'import sysconfig; print(sysconfig.get_path("include"))')" - 2>/dev/null

help:
	@echo "make serve    install what is needed, then run the site in the foreground; Ctrl-C ends it"
	@echo "make without-uwsgi installs gunicorn and waitress, where there is no uWSGI"
	@echo "make reload   let a running site take up new code, one worker after the other"
	@echo "make install  install or update what is needed, and no more"
	@echo "make crowd    N=10000 readers of a running site's live post; shows when each update reached them"
	@echo "make test     the quick tests, in about four minutes; one file: .venv/bin/python -m pytest tests/test_i18n.py"
	@echo "make test-all all tests, in about ten; they want what .ci/run installs"
	@echo "make coverage which lines of webapp/ and tests/ all tests reach, in half an hour"
	@echo "make mutants  how many small faults in webapp/ the quick tests find, in an hour"
	@echo "make check    linter, types, and who may import whom"
	@echo "make screens  pictures of every page"
	@echo "make recording the README's moving picture: an update is typed, ten thousand streams answer"
	@echo "make bench    what this machine holds, and how servers compare; QUICK=1 in two minutes, FULL=1 in an hour"
	@echo "make benchmarks docs/benchmarks.md and its pictures, from docs/benchmarks.json"
	@echo "make ways     the table in deploy/README.md: what each way to run the site gives"
	@echo "make messages bring the translations up to date with the code"

serve: $(VENV)/.installed
	@exec $(VENV)/bin/pressroom serve

reload: install
	@$(VENV)/bin/python -m webapp.reload

install: $(VENV)/.installed

crowd: $(VENV)/.installed
	@exec $(VENV)/bin/python -m loadtests.crowd "http://$(or $(PRESSROOM_HTTP),127.0.0.1:8000)" --streams $(or $(N),10000)

# A file's tests share its servers, so one process has them all.
PYTEST = $(VENV)/bin/python -m pytest --numprocesses auto --maxprocesses 5 --dist loadfile --no-loadscope-reorder

test: $(VENV)/.installed-for-tests
	@$(PYTEST) -m "not slow"

test-all: $(VENV)/.installed-for-tests
	@$(PYTEST)

# Which lines no test reaches.
coverage: $(VENV)/.installed-for-tests
	@rm -rf .coverage
	@$(VENV)/bin/coverage run $(PYTEST:$(VENV)/bin/python=)
	@$(VENV)/bin/coverage combine --quiet
	@$(VENV)/bin/coverage report --skip-covered --show-missing

# How many of sixty small faults in webapp/ `make test` would find. An hour.
mutants: $(VENV)/.installed-for-tests
	@$(VENV)/bin/python -m tools.mutants

check: $(VENV)/.installed-for-tests
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo --no-cache

screens: $(VENV)/.installed-for-tests
	@PYTHONPATH=tests $(VENV)/bin/python -m tools.screens

recording: $(VENV)/.installed-for-tests
	@PYTHONPATH=tests $(VENV)/bin/python -m tools.recording

bench: $(VENV)/.installed-for-tests
	@$(VENV)/bin/python -m loadtests.bench.run $(if $(FULL),full,$(if $(QUICK),quick,usual))

# To tell of another run, put its results.json there first.
benchmarks: $(VENV)/.installed-for-tests
	@$(VENV)/bin/python -m loadtests.bench.report_page docs/benchmarks.json --docs

ways: $(VENV)/.installed-for-tests
	@WAYS=write $(VENV)/bin/python -m pytest -q -k table tests/whole/test_deploy.py

# After a change of words: brings the catalogue up to date, and lists what has no translation.
messages: $(VENV)/.installed-for-tests
	@$(VENV)/bin/python -m tools.messages

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(MAKE) --no-print-directory python
	@$(PYTHON) -m venv $(VENV)
	@if $(COMPILES); then \
		echo "Installing into $(VENV). uWSGI is compiled, which takes a minute."; \
		$(PIP) --editable '.[uwsgi]'; \
	else \
		echo "Installing into $(VENV). There is no C compiler with Python's headers, so uWSGI comes as a wheel (pyuwsgi)."; \
		$(PIP) --only-binary pyuwsgi --editable '.[pyuwsgi]' || $(call fail,To compile uWSGI: $(APT) gcc libc6-dev python3-dev); \
	fi
	@touch $@

$(VENV)/.installed-for-tests: $(VENV)/.installed
	@echo "Installing what the tests need."
	@$(PIP) --editable '.[test,load,bench]'
	@touch $@

without-uwsgi: python
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --editable . gunicorn waitress

# These say in one line what is missing, where pip would say it in a hundred.
python:
	@command -v $(PYTHON) >/dev/null \
		|| $(call fail,Python 3.11 or newer is missing: $(APT) python3 python3-venv python3-dev gcc)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| $(call fail,$$($(PYTHON) --version 2>&1) is too old for 3.11: make serve PYTHON=/path/to/a/newer/python3)
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
		|| $(call fail,Python can't make environments: $(APT) python3-venv)

.PHONY: help serve without-uwsgi reload install crowd bench benchmarks ways test test-all coverage mutants check \
	recording screens messages python
