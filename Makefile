# Two commands matter: `make book` and `make test`. `make help` lists the rest; README.md has them without make.
VENV := .venv
PYTHON ?= $(or $(wildcard $(VENV)/bin/python),python3)
JOBS ?= 2
SEEDS ?= 1 2 3
PORT ?= 8000
RUN := $(VENV)/bin/python
SET_UP := $(PYTHON) tools/environment.py $(if $(NEWEST),--newest)
HTML := _build/html

# One thread a process: two chapters at once with two threads each slow one another.
export OMP_NUM_THREADS ?= 1

.PHONY: help book html pdf test execute check shake serve lint links binder lock clean environment test-environment

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

book: environment html ## build the book into _build/html, with warnings as errors
	@echo "The book: $(CURDIR)/$(HTML)/index.html"

test: test-environment html ## package, chapters, built book: everything (ARGS="-k masks" for some)
	@$(RUN) -m pytest -n $(JOBS) $(ARGS)

execute: environment ## run chapters anew in place (CHAPTERS="foundations/attention ..." for some)
	@$(RUN) -m tools.execute $(CHAPTERS)

check: test-environment ## the rules for chapters, without running them
	@$(RUN) -m tools.notebook_rules $(CHAPTERS)

shake: test-environment ## chapters as on other processors: names cells that do not bear it (CHAPTERS=..., SEEDS="1 2 3")
	@$(RUN) -m tools.shake $(CHAPTERS) --seeds $(SEEDS) --jobs $(JOBS)

pdf: test-environment html ## one PDF of the book, with contents and page numbers
	@$(RUN) -m tools.pdf

serve: ## show the built book on this machine (PORT=8000)
	@$(RUN) -m http.server --bind 127.0.0.1 --directory $(HTML) $(PORT)

lint: test-environment ## ruff and mypy
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy

links: environment ## ask for every address outside the book; names those that do not answer
	@$(VENV)/bin/jupyter-book build . --builder custom --custom-builder linkcheck

binder: test-environment ## Binder's own steps in a clean environment, without docker
	@MHA_BINDER_FULL=1 $(RUN) -m pytest tests/test_binder.py

lock: ## renew constraints.txt after a pin has changed (UPGRADE=1: all that no file pins)
	@$(PYTHON) -m tools.lock $(if $(UPGRADE),--upgrade)

clean: ## remove what was built; the environment stays
	rm -rf _build build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

environment:
	@$(SET_UP)

test-environment:
	@$(SET_UP) --tests

# An incremental build is silent about pages it does not write again, so after a failure the next one starts anew.
html:
	@$(VENV)/bin/jupyter-book build . -n -W --keep-going || { rm -rf _build/.doctrees $(HTML); exit 1; }
