# Everything a newcomer needs: `make run` and `make test`. Both install what they need first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= serve_config.yaml
CORPORA ?= .corpora
SECONDS ?= 600
INSTALLED := $(VENV)/.installed
DEV_INSTALLED := $(VENV)/.installed-dev
WEB_INSTALLED := $(VENV)/.installed-web
export CHROMIUM ?= chromium
DOCS_INSTALLED := $(VENV)/.installed-docs
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs
CPU_INDEX := https://download.pytorch.org/whl/cpu
# Schemas of Kubernetes, KubeRay and Compose: tests/check_manifests.py says which and where from.
SCHEMAS ?= .schemas
AUDIT := .venv-audit

export RAY_USAGE_STATS_ENABLED ?= 0

.DEFAULT_GOAL := help
.PHONY: run test test-unit test-service test-reference test-faults test-scale test-api test-client test-web test-deploy test-monitoring corpora test-corpora fuzz check check-manifests check-deps documents pictures docs docs-serve torch-hint format help clean

run: $(INSTALLED)  ## install, then serve: the web page is at http://localhost:8089/
	@$(BIN)/upscale models pull --if-missing realesrgan-x4plus >/dev/null || true  # the next line says what it takes
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

test-scale: $(DEV_INSTALLED)  ## replicas come and go with the load, on a cluster with GPUs that are not there
	$(BIN)/python -m pytest tests/scale -s

test-api: $(DEV_INSTALLED)  ## every row of the API's table, and what schemathesis makes of its document
	$(BIN)/python -m pytest tests/api

test-client: $(DEV_INSTALLED)  ## the Python client, without a service
	$(BIN)/python -m pytest client/tests

corpora: $(DEV_INSTALLED)  ## clone public corpora of odd and broken pictures into CORPORA (half a GB)
	$(BIN)/python -m tests.corpora.sources $(CORPORA)

test-corpora: $(DEV_INSTALLED)  ## every file of the corpora in CORPORA through the decoder
	$(BIN)/python -m tests.corpora $(CORPORA)

fuzz: $(DEV_INSTALLED)  ## fuzz the form, the options and the decoder, SECONDS each
	$(BIN)/python -m tests.fuzz multipart --seconds $(SECONDS)
	$(BIN)/python -m tests.fuzz options --seconds $(SECONDS)
	$(BIN)/python -m tests.fuzz decode --seconds $(SECONDS) --corpora $(CORPORA)

test-web: $(WEB_INSTALLED)  ## the web page in a real browser, over a real service
	@command -v $(CHROMIUM) >/dev/null || { echo "There is no $(CHROMIUM): install it with 'apt-get install chromium', or name yours: make CHROMIUM=… test-web" >&2; exit 1; }
	$(BIN)/python -m pytest tests/web

test-deploy: $(DEV_INSTALLED)  ## images, manifests, alerts, and nginx with the shipped files where it is installed
	$(BIN)/python -m pytest tests/deploy

test-monitoring: $(DEV_INSTALLED)  ## a running service through the eyes of a real Prometheus: the dashboard and the alerts
	@command -v prometheus >/dev/null || { echo "There is no prometheus: install it with 'apt-get install prometheus'" >&2; exit 1; }
	$(BIN)/python -m pytest tests/monitoring

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
	rm -rf $(VENV) .venv-reference $(AUDIT)

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

$(WEB_INSTALLED): $(DEV_INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[web]'
	@touch $@

$(DOCS_INSTALLED): $(DEV_INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

# Said once, before pip fetches them, to who has no use for them.
torch-hint: | $(BIN)/python
	@[ "$$(uname -s)" != Linux ] || command -v nvidia-smi >/dev/null || [ -n "$$PIP_EXTRA_INDEX_URL$$PIP_INDEX_URL" ] \
	  || $(BIN)/python -c 'import importlib.util as i, sys; sys.exit(not i.find_spec("torch"))' \
	  || echo "There is no NVIDIA GPU here: PIP_EXTRA_INDEX_URL=$(CPU_INDEX) make run spares you gigabytes of CUDA." >&2

# Apart from what it looks at, so that its own packages are neither pinned with ours nor in their way.
$(AUDIT)/bin/pip-audit: pyproject.toml | $(BIN)/python
	$(BIN)/python -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.10,<3'
	@touch $@
