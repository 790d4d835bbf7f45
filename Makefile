# Needs: Python 3.11 or newer with venv and pip, and make. Everything else goes into .venv, from the locks.
# PYTHON=python3.12 chooses the interpreter; ARGS="…" goes to the command behind run, test, soak and bench.

VENV := .venv
PY := $(VENV)/bin/python
ENVIRONMENT := sh scripts/environment.sh $(VENV)
COVERAGE := --cov=realtime --cov-report=term:skip-covered --cov-fail-under=90
TOGETHER := -n 4 --max-worker-restart=0 --dist loadfile --no-loadscope-reorder
# Browsers beside browsers on few cores can be too slow for a claim that is true: what failed has one more try, alone.
ALONE := --last-failed --last-failed-no-failures none
AGAIN := What failed beside others is tried once more, alone; what fails again has failed.
UV_COMPILE := $(PY) -m uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--annotation-style line --no-strip-extras --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

export PYTHON
export TEST_ENGINE := $(ENGINE)

.DEFAULT_GOAL := help
.PHONY: help run test check bench soak screenshots lock

help: ## Print this list
	@echo "Tideboard. One command each:"
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 14
	@echo
	@echo '  make test ARGS="tests/store -k feed" runs a part, without the coverage gate;'
	@echo '  make test ENGINE=redis runs everything with the log in Redis instead of SQLite;'
	@echo '  make run ARGS="--server.port 8600" passes flags to Streamlit; PYTHON=python3.12 chooses the interpreter.'

run: ## Set everything up, then serve Tideboard on http://127.0.0.1:8501
	@$(ENVIRONMENT) requirements.lock
	@$(PY) -m streamlit run app.py $(ARGS)

test: ## Run all tests, in a real browser too
	@$(ENVIRONMENT) requirements-dev.lock
	@sh scripts/system.sh
	$(if $(ARGS),$(PY) -m pytest $(ARGS),$(PY) -m pytest $(TOGETHER) $(COVERAGE) || { test $$? = 1 || exit 1; echo "$(AGAIN)"; $(PY) -m pytest $(ALONE); })

check: ## Check format, lint, types and the borders between rooms
	@$(ENVIRONMENT) requirements-dev.lock
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --cache-dir .import_linter_cache

bench: ## Measure all that docs/benchmarks.md tells, and put the tables there (10 minutes)
	@$(ENVIRONMENT) requirements-dev.lock
	@sh scripts/system.sh
	$(if $(ARGS),$(PY) -m realtime bench $(ARGS),sh scripts/benchmarks.sh $(PY))

soak: ## Run what takes long: five-minute recovery soaks with three seeds, 700 reconnects (20 minutes)
	@$(ENVIRONMENT) requirements-dev.lock
	@sh scripts/system.sh
	$(PY) -m pytest -m soak $(if $(ARGS),$(ARGS),tests)

screenshots: ## Take the README's pictures from the product as it is
	@$(ENVIRONMENT) requirements-dev.lock
	@sh scripts/system.sh
	PYTHONPATH=. $(PY) scripts/screenshots.py $(ARGS)

lock: ## Write the locks anew from pyproject.toml (UPGRADE=1: newest versions)
	@$(ENVIRONMENT) requirements-dev.lock
	$(PY) -m pip install --quiet "uv>=0.9"
	$(UV_COMPILE) --output-file requirements.lock
	$(UV_COMPILE) --group dev --constraint requirements.lock --output-file requirements-dev.lock
