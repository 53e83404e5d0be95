# Needs Python 3.11 or newer. Another Python: make serve PYTHON=python3.13
PYTHON ?= python3
VENV := .venv
# uWSGI's build uses the same compiler.
export CC := $(if $(filter default undefined,$(origin CC)),gcc,$(CC))
APT := sudo apt-get install
# Python's own pip, where it has one, is at hand sooner than the one that venv unpacks. Asked once.
HAS_PIP = $(eval HAS_PIP := $(shell $(PYTHON) -c 'import pip; print(1)' 2>/dev/null))$(HAS_PIP)
PIP = PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_USE_PEP517=1 PIP_BUILD_CONSTRAINT=constraints.txt \
	$(if $(HAS_PIP),$(PYTHON) -m pip --python $(VENV)/bin/python,$(VENV)/bin/python -m pip)
PIP_INSTALL = $(PIP) install --quiet --no-compile --constraint constraints.txt
fail = { echo "$(1)" >&2; exit 1; }
# pip takes a uWSGI that it once compiled for another Python of the same minor version.
OWN_UWSGI = [ "$$($(VENV)/bin/uwsgi --python-version 2>&1)" = "$$($(VENV)/bin/python -c \
	'import platform; print(platform.python_version())')" ]
COMPILES = echo '\#include <Python.h>' | $(CC) -fsyntax-only -x c -I"$$($(PYTHON) -c \
	'import sysconfig; print(sysconfig.get_path("include"))')" - 2>/dev/null

help:
	@echo "make serve          installs what is missing, then runs the site; Ctrl-C stops it"
	@echo "make reload         loads new code without dropping a request or a stream"
	@echo "make install        installs or updates what is needed, and nothing else"
	@echo "make without-uwsgi  installs gunicorn and waitress, where uWSGI can't be built"
	@echo "make crowd          opens N=10000 streams to a running site's live post and shows how fast each update reaches them"
	@echo "make test           runs the quick tests, in about four minutes; one file: .venv/bin/python -m pytest tests/test_i18n.py"
	@echo "make test-all       runs all tests, in about a quarter of an hour; .ci/run installs what they need"
	@echo "make test-postgresql runs the tests of what is in the database on PostgreSQL, in about a quarter of an hour"
	@echo "make coverage       lists lines of webapp/ and tests/ that no test reaches, in half an hour"
	@echo "make mutants        breaks webapp/ in sixty small ways and counts how many the quick tests notice, in an hour"
	@echo "make check          runs the linter and checks types and imports between rooms"
	@echo "make screens        takes the screenshots in docs/screens/"
	@echo "make recording      records the README's animation: an author publishes an update, and ten thousand streams receive it"
	@echo "make bench          measures this machine's capacity and compares servers, in a quarter of an hour; QUICK=1: two minutes, FULL=1: an hour"
	@echo "make benchmarks     generates docs/benchmarks.md and its charts from docs/benchmarks.json"
	@echo "make ways           generates the table in deploy/README.md that compares the servers"
	@echo "make rights         generates the table in docs/rights.md of who may do what"
	@echo "make messages       updates the translations and lists texts without one"

serve: $(VENV)/.installed
	@case "$$PRESSROOM_DATABASE_URL" in postgresql*) \
		$(VENV)/bin/python -c 'import psycopg' 2>/dev/null || $(PIP_INSTALL) --editable '.[postgres]';; esac
	@exec $(VENV)/bin/pressroom serve

reload: install
	@$(VENV)/bin/python -m webapp.reload

install: $(VENV)/.installed

crowd: $(VENV)/.installed
	@exec $(VENV)/bin/python -m loadtests.crowd "http://$(or $(PRESSROOM_HTTP),127.0.0.1:8000)" --streams $(or $(N),10000)

# The tests of a file share its servers, so they run in one process.
PYTEST = $(VENV)/bin/python -m pytest --numprocesses auto --maxprocesses 5 --dist loadfile --no-loadscope-reorder

test: $(VENV)/.installed-for-tests
	@$(PYTEST) -m "not slow"

test-all: $(VENV)/.installed-for-tests
	@$(PYTEST)

# The same sites on a PostgreSQL of the tests' own: what the database answers, and nothing about files or servers.
test-postgresql: $(VENV)/.installed-for-tests
	@DATABASE=postgresql $(PYTEST) -m "not sqlite" tests/ops/test_move.py $(addprefix tests/,\
		accounts cli community content db demo desk http live media pages people reader)

# Lists lines that no test reaches.
coverage: $(VENV)/.installed-for-tests
	@rm -rf .coverage
	@$(VENV)/bin/coverage run $(PYTEST:$(VENV)/bin/python=)
	@$(VENV)/bin/coverage combine --quiet
	@$(VENV)/bin/coverage report --skip-covered --show-missing

# Breaks webapp/ in sixty small ways and counts how many `make test` notices. An hour.
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

# To document another run, copy its results.json to docs/benchmarks.json first.
benchmarks: $(VENV)/.installed-for-tests
	@$(VENV)/bin/python -m loadtests.bench.report_page docs/benchmarks.json --docs

ways: $(VENV)/.installed-for-tests
	@WAYS=write $(VENV)/bin/python -m pytest -q -k table tests/whole/test_deploy.py

rights: $(VENV)/.installed-for-tests
	@RIGHTS=write $(VENV)/bin/python -m pytest -q -k table tests/whole/test_rights.py

# After a change of texts: updates the catalogue and lists texts without a translation.
messages: $(VENV)/.installed-for-tests
	@$(VENV)/bin/python -m tools.messages

NEW_VENV = $(PYTHON) -m venv $(if $(HAS_PIP),--without-pip) $(VENV)
# pip would compile on one core, and what nobody imports.
COMPILED = $(VENV)/bin/python -m compileall -qq -j 0 -x '/(tests?|testing|pip)/' $(VENV)/lib || true

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(MAKE) --no-print-directory python
	@$(NEW_VENV)
	@if $(COMPILES); then \
		echo "Installing into $(VENV). uWSGI is compiled, which takes a minute."; \
		$(PIP_INSTALL) pip --editable '.[uwsgi]' && { $(OWN_UWSGI) \
			|| $(PIP_INSTALL) --force-reinstall --no-cache-dir --no-deps uwsgi; }; \
	else \
		echo "Installing into $(VENV). There is no C compiler with Python's headers, so uWSGI comes as a wheel (pyuwsgi)."; \
		$(PIP_INSTALL) --only-binary pyuwsgi pip --editable '.[pyuwsgi]' || $(call fail,To compile uWSGI: $(APT) gcc libc6-dev python3-dev); \
	fi
	@$(COMPILED)
	@touch $@

$(VENV)/.installed-for-tests: $(VENV)/.installed
	@echo "Installing what the tests need."
	@$(PIP_INSTALL) --editable '.[test,load,bench]'
# The examples of CommonMark and GFM are in the source of a parser only, not in what is installed of it.
	@rm -rf $(VENV)/specs
	@$(PIP) download --quiet --no-deps --no-binary marko --constraint constraints.txt --dest $(VENV)/specs marko
	@$(COMPILED)
	@touch $@

without-uwsgi: python
	@$(NEW_VENV)
	@$(PIP_INSTALL) pip --editable . gunicorn waitress
	@$(COMPILED)

# These report what is missing in one line; pip would print a hundred.
python:
	@command -v $(PYTHON) >/dev/null \
		|| $(call fail,Python 3.11 or newer is missing: $(APT) python3 python3-venv python3-dev gcc)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| $(call fail,$$($(PYTHON) --version 2>&1) is too old for 3.11: make serve PYTHON=/path/to/a/newer/python3)
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
		|| $(call fail,Python can't make environments: $(APT) python3-venv)

.PHONY: help serve without-uwsgi reload install crowd bench benchmarks ways rights test test-all test-postgresql coverage \
	mutants check recording screens messages python
