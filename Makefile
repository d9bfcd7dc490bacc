# Everything is done by tools/dev.py; this file only finds a Python to run it with (a shim on PATH may not answer).
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 8))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
DEV = $(if $(PYTHON),$(PYTHON),$(error No python3 (3.8 or newer) on PATH)) tools/dev.py

.PHONY: help demo test check bench soak docs clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1\t/' | expand -t 14
	@echo 'Arguments: make test ARGS="-k name -x"'

demo: ## a site, its tasks and a worker, with only Django installed
	@$(DEV) demo

test: ## all tests on the newest Python, then the other Pythons and Djangos
	@$(DEV) test

check: ## ruff, mypy, import contracts
	@$(DEV) check

bench: ## benchmarks
	@$(DEV) bench

soak: ## half an hour of load and damage on PostgreSQL
	@$(DEV) soak

docs: ## documentation in docs/_build/html
	@$(DEV) docs

clean: ## remove environments and caches
	@$(DEV) clean
