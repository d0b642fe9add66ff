# Two commands do everything on a fresh machine with Python 3.11 or newer: `make demo` and `make test`.

BIN := .venv/bin
# test processes at once: each takes a core and up to 3 GB
WORKERS ?= 2
# where `make demo` writes
OUT ?= demo-run
# further arguments for pytest, as in: make test ARGS="-k plan -m 'not slow'"
ARGS ?=

.PHONY: help venv demo test test-all lint packages types docs wheel format clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | column -t -s '|'

venv: ## make or repair .venv, pinned by constraints.txt
	@sh requirements/install.sh

demo: venv ## the four commands on a small drawn world, ending in a report
	$(BIN)/dgf demo --out $(OUT)

test: venv ## all tests but statistics and long repetitions
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile -m "not long" $(ARGS)

test-all: venv ## all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile $(ARGS)

lint: venv ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

packages:
	@# for tools that find modules by folder: these links spell dgf.pipeline and so on as folders
	@mkdir -p .cache/types/dgf
	@for part in cli workflows pipeline model; do ln -sfn ../../../$$part .cache/types/dgf/$$part; done
	@for file in __init__.py py.typed; do ln -sfn ../../../dgf/$$file .cache/types/dgf/$$file; done

types: venv packages ## mypy --strict on all packages
	cd .cache/types && $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/pyproject.toml -p dgf

docs: venv packages ## the documentation site, in site/; a warning is an error
	@# the pages lie there as they do here, so that their links hold in both places
	@mkdir -p .cache/pages
	@for page in README.md CONTRIBUTING.md CHANGELOG.md LICENSE docs; do ln -sfn ../../$$page .cache/pages/$$page; done
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

wheel: venv ## a wheel, in dist/
	rm -rf build dist
	$(BIN)/python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist .

format: venv ## let ruff fix what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove everything that the targets above made
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist site *.egg-info $(OUT)
