# Every target says in one line what it is for: make help
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test coverage lint typecheck bench grow faults mutants policy k8s-check images up down format lock audit clean venv venv-dev engine

ARGS ?=
PYTEST_ARGS ?=
BIN := .venv/bin
COMPONENTS := $(shell sed -n 's/^\([a-z][a-z]*\) .*/\1/p' deploy/components)
# A bundle of certificate authorities for sites behind an inspecting proxy; it never stays in an image.
EXTRA_CA_FILE ?= $(or $(PIP_CERT),$(SSL_CERT_FILE),/dev/null)
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

run: venv ## the whole platform on this machine; make run ARGS=--once ends after the demonstration
	@exec $(BIN)/python -m embedded $(ARGS)

# Without PYTEST_ARGS lint goes beside the tests, since types take one core for minutes; its verdict comes after theirs.
test: engine venv-dev $(if $(PYTEST_ARGS),lint) ## lint, types, import rules and all tests, those in containers included; PYTEST_ARGS=tests/unit runs some
	@mkdir -p .data; lint=""; \
	if [ -z "$(PYTEST_ARGS)" ]; then make --no-print-directory lint >.data/lint.out 2>&1 & lint=$$!; fi; \
	deploy/engine.sh --check 2>&1 | tee .data/engine.out; code=$${PIPESTATUS[0]}; \
	if [ "$$code" != 0 ]; then export NO_CONTAINERS="$$(tail -n 1 .data/engine.out)"; fi; \
	code=0; $(BIN)/python -m tools.run_tests $(PYTEST_ARGS) || code=$$?; \
	if [ -n "$$lint" ] && ! wait "$$lint"; then cat .data/lint.out; echo "lint: failed"; [ "$$code" != 0 ] || code=1; fi; \
	exit "$$code"

# Begun while packages are installed and lint begins: a machine without an engine takes minutes for it. "test" waits for its lock.
engine:
	@deploy/engine.sh 2>&1 </dev/null &

PURE := shared/kernel $(patsubst %/domain/__init__.py,%/domain,$(sort $(wildcard services/*/domain/__init__.py)))

coverage: venv-dev ## every branch of the pure rules, by the unit tests alone
	$(BIN)/python -m pytest -q tests/unit $(addprefix --cov=,$(PURE)) --cov-branch \
	    --cov-report=term-missing:skip-covered --cov-fail-under=100

lint: typecheck ## ruff, formatting, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

typecheck: venv-dev ## mypy, strict
	$(BIN)/mypy

bench: venv-dev ## measure this machine; make bench ARGS=--help
	$(BIN)/python -m bench $(ARGS)

grow: venv-dev ## fill a platform size by size and print what grows with what is stored; make grow ARGS=--help
	@exec $(BIN)/python -m bench.growth $(ARGS)

faults: venv-dev ## break a platform in containers under load and write the report; make faults ARGS=--help
	deploy/engine.sh
	@exec $(BIN)/python -m tests.e2e.faults $(ARGS)

mutants: venv-dev ## plant each seeded bug in a copy and expect its tests to turn red; make mutants ARGS=--help
	@exec $(BIN)/python -m tests.mutants $(ARGS)

policy: venv-dev ## which tests prove which requirement of the scheme
	@$(BIN)/python -m tools.policy_matrix

k8s-check: venv-dev ## render and check the Kubernetes manifests; ARGS="--definitions FOLDER", --write, --help
	@$(BIN)/python -m tools.k8s_check $(ARGS)

images: ## an image for every component, named yunquan/<component>
	deploy/engine.sh
	@set -eu; source .data/images.env; \
	revision="$$(git rev-parse --short HEAD 2>/dev/null || echo unknown)"; \
	for component in $(COMPONENTS); do \
	    docker buildx build --load --quiet --file deploy/Dockerfile --secret id=ca,src="$(EXTRA_CA_FILE)" \
	        --build-arg PYTHON_IMAGE="$$PYTHON_IMAGE" --build-arg VERSION="$(VERSION)" \
	        --build-arg REVISION="$$revision" --build-arg COMPONENT="$$component" \
	        --tag "yunquan/$$component:$(VERSION)" . >/dev/null; \
	    echo "yunquan/$$component:$(VERSION)"; \
	done

up: images ## the whole platform in containers; make up COMPOSE_PROFILES=two runs two of each service
	docker compose up --detach --wait $(ARGS)
	@docker compose port gateway 8080 | sed 's|.*|ready: http://&/api/identity/v1/docs and beside it the other services|'

down: ## stop those containers; make down ARGS=--volumes also deletes data and secrets
	docker compose --profile two --profile dashboards down $(ARGS)

format: venv-dev ## write the code in the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: venv-dev ## pin every dependency again, from pyproject.toml
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
	$(COMPILE) pyproject.toml --extra embedded --output-file requirements/runtime.txt
	$(COMPILE) pyproject.toml --constraint requirements/runtime.txt --output-file requirements/services.txt
	$(COMPILE) pyproject.toml --extra embedded --extra dev --constraint requirements/runtime.txt \
	    --output-file requirements/dev.txt
	$(COMPILE) --group pyproject.toml:sbom --output-file requirements/sbom.txt
	$(COMPILE) --group pyproject.toml:audit --output-file requirements/audit.txt

audit: ## ask what is known against every locked package; exit 3 where nobody answers
	@tools/audit.sh

clean: ## remove caches and the virtual environment; data stay
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

venv:
	@tools/venv.sh runtime

venv-dev:
	@tools/venv.sh dev
