# Every target sets up .venv by itself (Python 3.11-3.13 and make are all that is needed).
# Another interpreter: `make PYTHON=/path/to/python3.12 test`.

.DEFAULT_GOAL := help
.PHONY: help versions demo test quick slow soak recall coverage mutants clients lint typing bench package plots site clean

BIN := .venv/bin
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
CANDIDATES := python3.11 python3.12 python3.13 python3 python
# Where that is set, each of the hundreds of processes of the tests compiles all modules again.
unexport PYTHONDONTWRITEBYTECODE
PYTHON ?= $(shell for p in $(CANDIDATES); do \
	$$p -c '$(SUITABLE)' >/dev/null 2>&1 && { echo $$p; break; }; done)

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

demo: .venv/ready  ## two bots trade a day on a failing exchange; see who lost money and why
	@$(BIN)/failing-exchange demo

test: .venv/ready  ## run the tests, on all processors
	@$(BIN)/python -m pytest --numprocesses auto

quick: .venv/ready  ## run the tests that take a third of the time
	@$(BIN)/python -m pytest --quick --numprocesses auto

soak: .venv/ready  ## draw property tests and worlds anew for SECONDS (600); prints its seeds
	@$(BIN)/python tests/soak.py $(SECONDS)

slow: .venv/ready  ## run the tests that take seconds each, and all examples of property tests
	@THOROUGH=1 $(BIN)/python -m pytest -m slow --numprocesses auto --dist worksteal

versions: .venv/ready  ## run the same programs on every Python from 3.11 to 3.13 that is installed
	@for v in 3.11 3.12 3.13; do \
		for p in python$$v ~/.pyenv/versions/$$v.*/bin/python none; do \
			$$p -c '' 2>/dev/null && break; done; \
		test "$$p" != none || { echo "No Python $$v here: it is left out" >&2; continue; }; \
		test -e .venv-$$v/ready || { "$$p" -m venv .venv-$$v && PIP_CONSTRAINT=constraints.txt \
			.venv-$$v/bin/python -m pip install --quiet --quiet --editable '.[ccxt,hypothesis]' \
			pytest && touch .venv-$$v/ready; } || exit 1; \
		.venv-$$v/bin/python -m pytest -m "slow or not slow" tests/threads || exit 1; done
	@$(BIN)/python -m pytest -rs -m "slow or not slow" tests/test_determinism.py

coverage: .venv/ready  ## measure the tests' branch coverage; lists modules below BELOW (90) percent
	@PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --quiet --group coverage
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest --numprocesses auto
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --sort=cover | awk '$$NF + 0 < $(or $(BELOW),90) || /^TOTAL/'

mutants: .venv/ready  ## change the code at MUTANTS (200) places; show which no test notices
	@PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --quiet --group mutants
	@nice $(BIN)/python tests/mutants.py $(if $(MUTANTS),--mutants $(MUTANTS)) \
		$(if $(SEED),--seed $(SEED)) $(if $(SECONDS),--seconds $(SECONDS))

clients: .venv/ready .venv-freqtrade/ready  ## run the slower tests: real clients on real sockets
	@PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --quiet --group clients --group found
	@$(BIN)/python -m pytest --numprocesses auto --dist worksteal tests/integration tests/clients

lint: .venv/ready typing  ## style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

typing: .venv/ready  ## types only
	@$(BIN)/mypy

bench: .venv/ready  ## speed, as ratios measured in one run (BENCH="NAME ... --json FILE")
	@$(BIN)/python -m bench $(BENCH)

recall: .venv/ready  ## explore bots with known bugs; print which are found (--quick for a sample)
	@$(BIN)/python tests/recall.py

package: .venv/ready  ## build wheel and sdist, try both in fresh environments of each Python here
	@PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --quiet --group package
	@rm -rf dist && $(BIN)/python -m build --outdir dist . >/dev/null
	@for v in $(or $(ON),3.11 3.12 3.13); do \
		for p in python$$v ~/.pyenv/versions/$$v.*/bin/python none; do \
			$$p -c '' 2>/dev/null && break; done; \
		test "$$p" != none || { echo "No Python $$v here: it is left out" >&2; continue; }; \
		"$$p" tests/try_package.py dist/*.whl || exit 1; done
	@$(BIN)/python tests/try_package.py dist/*.tar.gz

plots: .venv/ready  ## draw the pictures of market, impact and live page in docs/
	@PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --quiet --group plots
	@$(BIN)/python docs/plots/market.py
	@$(BIN)/python docs/plots/impact.py
	@$(BIN)/python docs/plots/page.py

site: .venv/ready  ## build the documentation in build/site; a warning or a dead link is an error
	@PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --quiet --group docs
	@rm -rf build/site
	@$(BIN)/zensical build --strict --clean --config-file mkdocs.yml
	@$(BIN)/python tests/site_links.py build/site

clean:  ## remove what the other targets made
	@rm -rf .venv .venv-* .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage* .cache mutants build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is renewed when a dependency or the interpreter's choice changes.
.venv/ready: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 found on PATH." \
		"Install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { rm -rf .venv; echo "$(PYTHON) cannot" \
		"make a virtual environment (on Debian: apt-get install python3-venv)." >&2; exit 1; }
	@echo "Setting up .venv (once)" >&2
	@$(BIN)/python -m pip install --quiet --quiet --constraint constraints.txt --upgrade pip
	@PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --quiet \
		--editable '.[ccxt,hypothesis,mcp,metrics,otel]' --group dev
	@touch $@

# A bot that is tested from outside, as its users install it. Without it its tests are skipped.
.venv-freqtrade/ready: constraints.txt
	@echo "Setting up .venv-freqtrade (once, about a minute)" >&2
	@$(PYTHON) -m venv .venv-freqtrade
	@if PIP_CONSTRAINT=constraints.txt .venv-freqtrade/bin/python -m pip install --quiet --quiet \
		freqtrade && PIP_CONSTRAINT=constraints.txt .venv-freqtrade/bin/python -m pip install \
		--quiet --quiet --editable .; then touch $@; else rm -rf .venv-freqtrade; \
		echo "freqtrade could not be installed: its tests are skipped" >&2; fi
