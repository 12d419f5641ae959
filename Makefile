# Quantum Platform. `make demo` shows it work, `make test` proves it; both set up what they need by themselves.
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-rollback test check audit docs screenshots reference up up-emulators down-emulators bench bench-quick format lock clean

PYTHON := .venv/bin/python

help: ## what there is to make
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

# The stamp holds what was installed: a changed lock installs again.
.venv/installed: requirements-dev.txt scripts/setup .python-version
	@sh scripts/setup

setup: .venv/installed ## the virtual environment, with everything in it

demo: .venv/installed ## build, push and deploy a web app, and ask it (STORE=cosmos EVENTS=eventhubs: by Azure's SDKs)
	@$(PYTHON) -m examples.demo $(if $(STORE),--store $(STORE)) $(if $(EVENTS),--events $(EVENTS))

demo-rollback: .venv/installed ## release versions that are broken: they are undone, and the good one answers
	@$(PYTHON) -m examples.rollback

test: .venv/installed ## every test
	@$(PYTHON) -m pytest -q -n auto --dist loadfile --no-loadscope-reorder

check: .venv/installed ## format, lint, types, imports, known vulnerabilities
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m mypy
	@.venv/bin/lint-imports --no-cache
	@$(PYTHON) scripts/audit.py

audit: .venv/installed ## known vulnerabilities of what is locked (STRICT=1: fail where they cannot be had)
	@$(PYTHON) scripts/audit.py $(if $(STRICT),--strict)

docs: .venv/installed ## the documentation as a site in dist/docs, every link of it checked
	@$(PYTHON) -m sphinx -q -j auto -W --keep-going -c docs -d dist/docs/.pages . dist/docs
	@echo "dist/docs/index.html: open it, it needs no server"

screenshots: .venv/installed ## the picture of the console in the README, in Chromium
	@$(PYTHON) -m scripts.screenshots

reference: .venv/installed ## docs/api out of the routes and the models, docs/actions.md out of the actions, docs/cli-reference.md
	@$(PYTHON) scripts/reference.py
	@$(PYTHON) -m scripts.actions
	@$(PYTHON) -m quantum.cli.reference > docs/cli-reference.md

up: .venv/installed ## serve the platform on http://127.0.0.1:7071 with its data in .quantum, for ada of acme (PORT=…: elsewhere)
	@QUANTUM_CONTEXTS=$${QUANTUM_CONTEXTS:-examples/webapp} $(PYTHON) -m localhost serve --admin ada@acme $(if $(PORT),--port $(PORT))

up-emulators: ## Microsoft's emulators of the Azure services, in Docker (docs/operating.md)
	docker compose up --detach
	@for url in http://127.0.0.1:8084/ready http://127.0.0.1:5300/health; do \
		curl --silent --show-error --fail --output /dev/null --retry 90 --retry-delay 2 --retry-all-errors $$url || exit 1; done

down-emulators: ## stop them; what they kept is gone
	docker compose down --volumes

bench: .venv/installed ## every benchmark, a JSON line each
	@$(PYTHON) -m benchmarks

bench-quick: .venv/installed ## a small version of every benchmark, in under a minute
	@$(PYTHON) -m benchmarks --quick

format: .venv/installed ## put every file in the form that `make check` wants
	@$(PYTHON) -m ruff format .
	@$(PYTHON) -m ruff check --fix .

lock: .venv/installed ## pin the dependencies of pyproject.toml anew
	@sh scripts/lock

clean: ## remove what was made here, data included
	rm -rf dist/docs .venv .tools .quantum .mypy_cache .ruff_cache .pytest_cache .hypothesis
