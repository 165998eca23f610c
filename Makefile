# OpsLoop. `make help` lists the targets; only Python >= 3.11 and make are needed beforehand.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
OURS   := -e libs/common -e services/feedback -e services/metrics -e services/campaigns -e services/notifications -e deploy/embedded
DISTS  := opsloop-common opsloop-feedback opsloop-metrics opsloop-campaigns opsloop-notifications opsloop

# processes that the tests are spread over
WORKERS ?= 3

EVENTS_OF = libs/common/opsloop_common/contracts/$(SERVICE)

TESTED   = $(sort $(notdir $(patsubst %/tests,%,$(wildcard */*/tests))))
TESTS_OF = $(or $(wildcard */$(SERVICE)/tests),$(error SERVICE=$(SERVICE) has no tests; there are: $(TESTED)))

# empty: else each worker would write the assertions of all tests again, which takes 30 s of a processor
export PYTHONDONTWRITEBYTECODE :=

OPSLOOP_OUTBOUND_ALLOW_LOCAL := 127.0.0.0/8,::1/128

.DEFAULT_GOAL := help
.PHONY: help run demo test quick mutants soak lint types contracts slice bench lock clean remove-data

help: ## Show this help
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.ready: requirements.lock libs/common/pyproject.toml $(wildcard services/*/pyproject.toml) deploy/embedded/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "OpsLoop needs Python >= 3.11 (PYTHON=$(PYTHON) is older)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps $(OURS)
	@$(BIN)/python -m compileall -q libs/common/opsloop_common services deploy/embedded/opsloop
	@touch $@

run: $(VENV)/.ready ## Start everything in one process on 127.0.0.1:8080
	@OPSLOOP_OUTBOUND_ALLOW="$${OPSLOOP_OUTBOUND_ALLOW-$(OPSLOOP_OUTBOUND_ALLOW_LOCAL)}" $(BIN)/opsloop up

demo: $(VENV)/.ready ## Play a week of a small app on an OpsLoop of its own and print the story
	@OPSLOOP_OUTBOUND_ALLOW="$${OPSLOOP_OUTBOUND_ALLOW-$(OPSLOOP_OUTBOUND_ALLOW_LOCAL)}" $(BIN)/opsloop demo $(ARGS)

test: $(VENV)/.ready ## Run every test; SERVICE=feedback: that service's rules and doors
	$(BIN)/python -m pytest -n $(WORKERS) -m "not soak$(if $(SERVICE), and not slow)" $(if $(SERVICE),$(TESTS_OF)) $(ARGS)

quick: $(VENV)/.ready ## Run the tests that need no database
	$(BIN)/python -m pytest -n $(WORKERS) -m quick $(ARGS)

mutants: $(VENV)/.ready ## Change every rule a little and see whether its tests notice
	WORKERS=$(WORKERS) $(BIN)/python -m tests.mutants $(ARGS)

soak: $(VENV)/.ready ## The long fault runs: thousands of posts under random kills
	$(BIN)/python -m pytest -m soak -s $(ARGS)

lint: $(VENV)/.ready types ## Style, types, architecture, committed contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python -m opsloop.contracts --check

types: $(VENV)/.ready ## mypy, strict
	$(BIN)/mypy libs/common/opsloop_common services/feedback/opsloop_feedback services/metrics/opsloop_metrics services/campaigns/opsloop_campaigns services/notifications/opsloop_notifications deploy/embedded/opsloop

contracts: $(VENV)/.ready ## Write the OpenAPI documents and event schemas again
	$(BIN)/python -m opsloop.contracts $(ARGS)

slice: $(VENV)/.ready ## Add a room to a service, copied from the model: SERVICE=feedback NAME=follow_ups
	@$(BIN)/python -m opsloop_common.testing.skeleton $(SERVICE) $(NAME) $(ONE)
	@$(BIN)/ruff check --quiet --fix --select I,RUF022 services/$(SERVICE) $(EVENTS_OF) tests/contracts/worlds
	@$(BIN)/ruff format --quiet services/$(SERVICE) $(EVENTS_OF) tests/contracts/worlds
	@$(BIN)/python -m opsloop.contracts

bench: $(VENV)/.ready ## Measure beside baselines of the same run
	$(BIN)/python -m bench $(ARGS)

lock: $(VENV)/.ready ## Resolve requirements.in into requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		$(addprefix --no-emit-package ,$(DISTS)) --override requirements.unused requirements.in -o requirements.lock

clean: ## Remove the environment and caches; data and .env stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .grimp_cache .schemathesis
	find . -path ./.opsloop -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

remove-data: $(VENV)/.ready ## Remove what OpsLoop keeps in .opsloop (OPSLOOP_DATA_DIR), for good; asks first
	@data="$${OPSLOOP_DATA_DIR:-.opsloop}"; $(BIN)/opsloop status > /dev/null; status=$$?; \
	if [ $$status = 1 ]; then exit 1; fi; \
	if [ $$status != 4 ]; then echo "OpsLoop runs on $$data: stop it first." >&2; exit 1; fi; \
	printf 'Remove all feedback, campaigns, people and keys in %s, for good? Type yes: ' "$$data"; read -r answer || :; \
	if [ "$$answer" != yes ]; then echo "Nothing was removed."; exit 1; fi; \
	cd -- "$$data" && rm -rf postgres postgres-socket lock secret.key operator.key && echo "Removed."
