# Everything a newcomer needs: `make run` and `make test`. Both install what they need first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= serve_config.yaml
INSTALLED := $(VENV)/.installed
DEV_INSTALLED := $(VENV)/.installed-dev
# Schemas of Kubernetes, KubeRay and Compose: tests/check_manifests.py says which and where from.
SCHEMAS ?= .schemas
AUDIT := .venv-audit

export RAY_USAGE_STATS_ENABLED ?= 0

.DEFAULT_GOAL := help
.PHONY: run test test-unit test-service test-reference test-faults test-api test-client test-deploy check check-manifests check-deps documents pictures format help clean

run: $(INSTALLED)  ## install, then serve on http://localhost:8089
	$(BIN)/upscale models pull --if-missing realesrgan-x4plus >/dev/null
	$(BIN)/python -m deployments.run $(CONFIG)

test: $(DEV_INSTALLED)  ## install, then run every test that needs no other environment
	$(BIN)/python -m pytest tests/unit tests/service tests/api tests/deploy client/tests

test-unit: $(DEV_INSTALLED)  ## the fast tests: logic, no Ray
	$(BIN)/python -m pytest tests/unit

test-service: $(DEV_INSTALLED)  ## a real Serve application over real HTTP
	$(BIN)/python -m pytest tests/service

test-reference: $(DEV_INSTALLED)  ## hold our pixels against the original RealESRGANer
	$(BIN)/python -m pytest tests/reference -s

test-faults: $(INSTALLED) $(DEV_INSTALLED)  ## kill each process of a running service, and see that nothing is lost
	$(BIN)/upscale models pull --if-missing realesrgan-x4plus >/dev/null
	$(BIN)/python -m pytest tests/faults

test-api: $(DEV_INSTALLED)  ## every row of the API's table, and what schemathesis makes of its document
	$(BIN)/python -m pytest tests/api

test-client: $(DEV_INSTALLED)  ## the Python client, without a service
	$(BIN)/python -m pytest client/tests

test-deploy: $(DEV_INSTALLED)  ## images, manifests, and nginx with the shipped files where it is installed
	$(BIN)/python -m pytest tests/deploy

check-manifests: $(DEV_INSTALLED)  ## hold deploy/ against the schemas in SCHEMAS, a folder of yours
	$(BIN)/python -m tests.check_manifests $(SCHEMAS)

check-deps: $(AUDIT)/bin/pip-audit  ## ask about known vulnerabilities of the pinned packages; needs the network
	$(AUDIT)/bin/python -m tests.check_deps $(AUDIT)/bin/pip-audit

check: $(DEV_INSTALLED)  ## lint, formatting, types, imports, and that no file or function is too long
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/house

documents: $(DEV_INSTALLED)  ## make those parts of the documentation that come from the code
	$(BIN)/python -m tests.documents

pictures: $(INSTALLED)  ## draw the pictures of docs/fidelity.md anew
	$(BIN)/python examples/what_is_kept.py

format: $(DEV_INSTALLED)  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

clean:  ## remove the virtual environments
	rm -rf $(VENV) .venv-reference $(AUDIT)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; say which with make PYTHON=…" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

# torch comes first and pinned. Where pip finds a CPU build of that version it takes it; PyPI's own
# build for Linux brings CUDA along, gigabytes of it: the README says how to have the CPU build.
$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(DEV_INSTALLED): $(INSTALLED) client/pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]' -e client
	@touch $@

# Apart from what it looks at, so that its own packages are neither pinned with ours nor in their way.
$(AUDIT)/bin/pip-audit: pyproject.toml | $(BIN)/python
	$(BIN)/python -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.10,<3'
	@touch $@
