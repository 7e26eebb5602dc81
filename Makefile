# Every verb of the project. `make run` needs Python 3.11 or newer and the network, nothing else.

VENV := .venv
PY := $(VENV)/bin/python
UV := uv==0.13.9
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export REFLEX_TELEMETRY_ENABLED := false
# Where it is set, each of the hundreds of processes that tests start would compile the whole product for itself.
unexport PYTHONDONTWRITEBYTECODE

# Tests of the code's own form.
CHECKED := tests/test_architecture.py tests/test_dependencies.py

styled = $(PY) -m ruff check . && $(PY) -m ruff format --check .

# uv installs in a third of pip's time; where it cannot reach its index (it does not read pip's settings), pip does.
install = { $(PY) -m pip install --quiet $(UV) \
	  && $(VENV)/bin/uv pip install --quiet --python $(PY) --compile-bytecode -r $(1) \
	  || $(PY) -m pip install --quiet -r $(1); }

.DEFAULT_GOAL := help
.PHONY: help run dev test test-nightly check audit bench migrate backup docs lock image screenshots requirements requirements-dev \
        chromium

help: ## List the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

run: requirements ## Start everything and print the address; honors STARKMATTER_PORT, STARKMATTER_HOST and STARKMATTER_HOME
	@exec $(PY) -m starkmatter run

dev: requirements-dev ## The same with hot reload of the pages and the API
	@exec $(PY) -m starkmatter run --reload

test: requirements-dev chromium ## Everything CI runs
	@$(styled)
	@$(PY) -m mypy starkmatter & types=$$!; $(PY) -m pytest -m "not nightly" -n 4 --no-loadscope-reorder; tests=$$?; \
	  wait $$types && exit $$tests

test-nightly: requirements-dev chromium ## The long tests
	@$(PY) -m pytest -m nightly --timeout 3600 --ignore tests/browser
	@$(PY) -m pytest --timeout 3600 tests/browser
	@STARKMATTER_ALL_EXAMPLES=1 $(PY) -m pytest -m "not nightly" $$(grep -rl "tests.examples" tests --include="test_*.py")

check: requirements-dev ## ruff, mypy, the architecture and known weaknesses of dependencies
	@$(styled)
	@$(PY) -m mypy starkmatter & types=$$!; $(PY) -m pytest $(CHECKED); tests=$$?; wait $$types && exit $$tests

audit: $(PY) ## Ask the live service about known weaknesses of dependencies; needs the network
	@$(PY) -m venv $(VENV)/audit
	@$(VENV)/audit/bin/python -m pip install --quiet pip-audit==2.10.1
	@$(VENV)/audit/bin/python -m pip_audit --no-deps --disable-pip -r requirements.txt -r requirements-dev.txt

bench: requirements-dev ## Speed, weight and memory, each figure against a floor measured in the same run
	@$(PY) -m bench

migrate: requirements ## Bring the database to this version's schema
	@$(PY) -m starkmatter migrate

backup: requirements ## Write a backup into the home
	@$(PY) -m starkmatter backup

docs: requirements ## Write the pages of the documentation that are made from the code
	@$(PY) -m starkmatter.connections.providers > docs/providers.md.new && mv docs/providers.md.new docs/providers.md
	@$(PY) -m starkmatter.access > docs/access.md.new && mv docs/access.md.new docs/access.md

lock: requirements-dev ## Compile requirements*.in and keep the front end's lock
	@$(PY) -m pip install --quiet $(UV)
	@$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --no-header requirements.in -o requirements.txt
	@$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --no-header requirements-dev.in -o requirements-dev.txt
	@$(PY) -m starkmatter frontend --lock

image: ## Build the container image
	@docker build --tag starkmatter:latest .

screenshots: requirements-dev chromium ## Draw every page of the running product for the documentation
	@$(PY) -m tests.screenshots

chromium: requirements-dev
	@$(PY) -m tests.chromium

requirements: $(VENV)/bin/starkmatter
	@cmp -s requirements.txt $(VENV)/installed.txt || cmp -s requirements-dev.txt $(VENV)/installed-dev.txt || { \
	  echo "Installing requirements …"; \
	  $(call install,requirements.txt) && cp requirements.txt $(VENV)/installed.txt; }

requirements-dev: $(VENV)/bin/starkmatter
	@cmp -s requirements-dev.txt $(VENV)/installed-dev.txt || { \
	  echo "Installing requirements for development …"; \
	  $(call install,requirements-dev.txt) && cp requirements-dev.txt $(VENV)/installed-dev.txt \
	    && cp requirements.txt $(VENV)/installed.txt; }

$(VENV)/bin/starkmatter: deploy/starkmatter | $(PY)
	@cp deploy/starkmatter $@

$(PY):
	@for name in $(PYTHON) python3.13 python3.12 python3.11 python3.14 python3; do \
	  command -v $$name >/dev/null 2>&1 || continue; \
	  $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  $$name -c 'import venv, ensurepip' 2>/dev/null || { missing=$$name; continue; }; \
	  exec $$name -m venv $(VENV); \
	done; \
	if [ -n "$$missing" ]; then \
	  echo "$$missing has no venv module: on Debian and Ubuntu run 'apt-get install python3-venv', then try again." >&2; \
	else \
	  echo "StarkMatter needs Python 3.11 or newer: install it, or name it with 'make PYTHON=/path/to/python3 …'." >&2; \
	fi; exit 1
