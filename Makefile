# Every target sets up .venv by itself: Python 3.11 or later, make and git are all that a machine needs.
.DEFAULT_GOAL := help
.PHONY: help demo run test smoke soak check format lock pictures dist try-dist release clean
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13 python3.14; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-header --no-annotate $(UPGRADE)

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.ready ## every path of the chart, on a sandbox: restaurants, numbers, the steps taken
	@$(BIN)/trunkline demo

run: $(VENV)/.ready ## the server on port 8000: for real with the keys in .env, on a sandbox without
	@$(BIN)/trunkline serve --sandbox-without-keys

# What is measured is what the tests' own processes pass, not those that they start: 95.4 with a browser and PgBouncer on
# the machine. The limit is asked of the file, as whoever measures with a limit prints what one process of several passed.
test: export PYTHONWARNINGS = ignore:Unable to activate pytest branch coverage:RuntimeWarning
test: $(VENV)/.ready-dev ## all tests, on all cores, and which branches of src they pass
	$(BIN)/python -m slipcover --json --out .coverage.json -m pytest -n auto --dist worksteal
	$(BIN)/python -m slipcover --fail-under 94 --out .coverage.json --merge .coverage.json

smoke: $(VENV)/.ready-dev ## what another Python may break: make smoke VENV=.venv-other PYTHON=python3.13
	$(BIN)/pytest -n auto --dist worksteal tests/e2e tests/db tests/routing tests/workflows/test_engine.py tests/cli/test_serve.py

soak: export SOAK_ASSIGNMENTS ?= 2000
soak: export SOAK_KILLS ?= 40
soak: export PLAN_WORLDS ?= 100
soak: $(VENV)/.ready-dev ## seeded faults and kills over 2,000 assignments, a storm of requests, 100 worlds; SOAK_SEED repeats it
	$(BIN)/pytest tests/crash/test_soak.py tests/workflows/test_plans.py

check: $(VENV)/.ready-dev ## format, lint, types, layers, and whether the documents match the code
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest tests/test_docs.py tests/test_house.py

format: $(VENV)/.ready-dev ## format the code and mend what lint can mend
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# What is run is pinned by itself and tested as it is. The SDKs that judge the sandbox say of which versions they know;
# they get those that are run all the same.
lock: $(VENV)/.tools ## pin the dependencies again; UPGRADE=--upgrade takes the newest
	$(COMPILE) pyproject.toml --all-extras -o requirements.lock
	$(COMPILE) pyproject.toml --all-extras --group dev -c requirements.lock -o requirements-dev.lock
	$(COMPILE) --group pyproject.toml:judges --override requirements-dev.lock -o requirements-judges.lock
	$(COMPILE) --group pyproject.toml:build -o requirements-build.lock

pictures: $(VENV)/.ready-dev ## photograph the console for README, in the machine's Chromium
	$(BIN)/python -m scripts.pictures

dist: export SOURCE_DATE_EPOCH = $(shell git log -1 --format=%ct)
dist: $(VENV)/.tools ## the wheel and the sdist, the same bytes from the same commit
	rm -rf dist
	$(BIN)/python scripts/dist.py dist

# What whoever installs it gets: the newest versions that pyproject.toml allows, and nothing of this folder.
try-dist: dist ## install the wheel alone into a fresh environment, and let it show what it does; PYTHON=python3.13
	rm -rf .venv-dist && $(PYTHON) -m venv .venv-dist
	.venv-dist/bin/python -m pip install --quiet "$$(ls dist/*.whl)[mcp,otel]"
	cd .venv-dist && bin/trunkline demo && bin/trunkline mcp --help > /dev/null

release: ## check it, date it and tag it; nothing is published: make release VERSION=0.2.0
	@test -z "$$(git status --porcelain)" || { echo "Error: there are changes that are not committed" >&2; exit 1; }
	@! git rev-parse -q --verify "refs/tags/v$(VERSION)" || { echo "Error: v$(VERSION) is there already" >&2; exit 1; }
	$(PYTHON) scripts/release.py "$(VERSION)"
	.ci/run
	git commit --quiet --all --message "Version $(VERSION)"
	git tag --annotate "v$(VERSION)" --message "$(VERSION)"
	@echo "v$(VERSION) is tagged here; publish it by: git push --follow-tags, and make dist"

clean: ## remove the environment and everything that was made by tools
	rm -rf $(VENV) .venv-newest .venv-dist build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage.json
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed and was not found" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.tools: requirements-build.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-build.lock
	@touch $@

# uv is quick, but it does not read pip's configuration: where packages come from a place that only pip knows, pip does it.
define install
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-deps -r $(1) \
		|| $(BIN)/python -m pip install --quiet --require-hashes --no-deps -r $(1)
endef
define install_ours
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
endef

# Judges from npm are installed where there is npm: a test whose judge is not there is skipped, and says so.
define install_from_npm
	@mkdir -p $(VENV)/npm && cp tests/judges/package*.json $(VENV)/npm
	@npm ci --prefix $(VENV)/npm --silent --ignore-scripts --no-audit --no-fund --fetch-timeout=20000 --fetch-retries=1 \
		|| echo "npm's judges are not to be had here: the tests that ask them are skipped" >&2
endef

$(VENV)/.ready: requirements.lock pyproject.toml $(VENV)/.tools
	$(call install,requirements.lock)
	$(install_ours)
	@touch $@

# What is run is a part of what is tested, with the same versions.
$(VENV)/.ready-dev: requirements-dev.lock requirements-judges.lock requirements.lock pyproject.toml \
		tests/judges/package-lock.json $(VENV)/.tools
	$(call install,requirements-dev.lock)
	$(call install,requirements-judges.lock)
	$(call install_from_npm)
	$(install_ours)
	@touch $(VENV)/.ready $@
