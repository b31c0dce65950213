# Two commands do everything: `make demo` and `make test`. Both work on a fresh machine.
PYTHON ?= python3
PY := .venv/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# the tests start hundreds of processes: each would compile the package again
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test lint types contract pages tests wheel bench docs docs-long clean

help: ## What can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

demo: .venv/installed ## The whole way on real images, in about a minute
	$(PY) -m foveal demo

test: ## Everything that must hold, two steps at a time; CI runs this
	$(MAKE) -j2 pages lint types contract tests wheel

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	$(PY) -m pip install -q --no-compile -c constraints.txt -e '.[all]'
	touch .venv/installed

.venv/installed-tests: pyproject.toml constraints.txt | .venv/bin/python
	$(PY) -m pip install -q --no-compile -c constraints.txt -e '.[all,track,ray,test]'
	touch .venv/installed .venv/installed-tests

lint: .venv/installed-tests ## ruff: format and lint
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .

types: .venv/installed-tests ## mypy --strict
	$(PY) -m mypy

contract: .venv/installed-tests ## The direction of imports
	.venv/bin/lint-imports

pages: ## The pages are formatted, linted and current (needs node; without it this step is named as not run)
	@if command -v npm >/dev/null; then \
		cd web && npm ci --silent && npm run --silent lint && npm run --silent check && \
		node build.mjs --check; \
	elif [ "$$CI" = true ]; then echo "node and npm must be there when CI=true"; exit 1; \
	else echo "pages: not run, node and npm are missing"; fi

tests: .venv/installed-tests pages ## The test suite; three workers keep two cores busy, as many tests wait
	OMP_NUM_THREADS=1 $(PY) -m pytest -q -n 3 --dist worksteal

wheel: .venv/installed-tests ## Build the wheel, install it extra by extra, walk every command; LONG=1: extras beyond all too
	LONG=$(LONG) $(PY) tests/walk_installs.py

bench: .venv/installed-tests ## Time to accuracy: make bench NAME=fashion-mnist:keras; all results: NAME=summary
	$(PY) benchmarks/$(if $(filter summary,$(NAME)),summary.py,training.py $(NAME))

docs: .venv/installed ## The documents as a site, in site/index.html; a warning is an error
	$(PY) -m pip install -q -c constraints.txt -e '.[docs]'
	$(PY) docs/measured.py
	$(PY) -m sphinx -E -W --keep-going -q -b html docs site

docs-long: .venv/installed-tests ## Run the blocks of the documents marked long too, on small data
	DOCS_LONG=1 OMP_NUM_THREADS=1 $(PY) -m pytest -q tests/docs/test_blocks.py

clean: ## Remove what was made here
	rm -rf .venv .venv-* dist build site foveal-demo web/node_modules
