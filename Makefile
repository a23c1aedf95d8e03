# Everything a newcomer needs: `make run` and `make test`. Both install what they need first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= serve_config.yaml
INSTALLED := $(VENV)/.installed
DEV_INSTALLED := $(VENV)/.installed-dev
DOCS_INSTALLED := $(VENV)/.installed-docs
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs
CPU_INDEX := https://download.pytorch.org/whl/cpu

export RAY_USAGE_STATS_ENABLED ?= 0

.DEFAULT_GOAL := help
.PHONY: run test test-unit test-service test-reference test-faults test-api test-client check documents pictures docs docs-serve torch-hint format help clean

run: $(INSTALLED)  ## install, then serve on http://localhost:8089
	@$(BIN)/upscale models pull --if-missing realesrgan-x4plus >/dev/null || true  # the next line says what it takes
	$(BIN)/python -m deployments.run $(CONFIG)

test: $(DEV_INSTALLED)  ## install, then run every test that needs no other environment
	$(BIN)/python -m pytest tests/unit tests/service tests/api client/tests

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

check: $(DEV_INSTALLED)  ## lint, formatting, types, imports, and that no file or function is too long
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/house

documents: $(DEV_INSTALLED)  ## make those parts of the documentation that come from the code
	$(BIN)/python -m tests.documents

pictures: $(DOCS_INSTALLED)  ## make the pictures of the documentation anew
	$(BIN)/python -m examples.what_is_kept
	$(BIN)/python -m examples.gallery

docs: $(DOCS_INSTALLED)  ## build the documentation into site/, and look through it for what it must not have
	$(MKDOCS) build --strict
	$(BIN)/python -m pytest -q tests/site

docs-serve: $(DOCS_INSTALLED)  ## show the documentation while it is written
	$(MKDOCS) serve --dev-addr 127.0.0.1:8090

format: $(DEV_INSTALLED)  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

clean:  ## remove the virtual environments
	rm -rf $(VENV) .venv-reference

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; say which with make PYTHON=…" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

# torch comes first and pinned. Where pip finds a CPU build of that version it takes it; PyPI's own
# build for Linux brings CUDA along, gigabytes of it.
$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/python torch-hint
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(DEV_INSTALLED): $(INSTALLED) client/pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]' -e client
	@touch $@

$(DOCS_INSTALLED): $(DEV_INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

# Said once, before pip fetches them, to who has no use for them.
torch-hint: | $(BIN)/python
	@[ "$$(uname -s)" != Linux ] || command -v nvidia-smi >/dev/null || [ -n "$$PIP_EXTRA_INDEX_URL$$PIP_INDEX_URL" ] \
	  || $(BIN)/python -c 'import importlib.util as i, sys; sys.exit(not i.find_spec("torch"))' \
	  || echo "There is no NVIDIA GPU here: PIP_EXTRA_INDEX_URL=$(CPU_INDEX) make run spares you gigabytes of CUDA." >&2
