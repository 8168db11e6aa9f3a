# `make run` is all a newcomer needs; `make help` lists the rest.
# A file in .make/ says that a step is done; a step runs again when what it depends on has changed.

BIN := .venv/bin
SETUP := deploy/setup
PIP := $(BIN)/python -m pip --disable-pip-version-check
ARGS ?=

# The choice of a CPU or GPU build is remembered: `make setup GPU=1` once, then plain `make run`.
GPU ?= $(shell cat .make/gpu 2>/dev/null)
GPU_FLAG := $(if $(filter 1,$(GPU)),--gpu)

WEB_SOURCES := $(shell find web -type f -not -path '*/node_modules/*' -not -path 'web/dist/*' -not -path '*/.*' 2>/dev/null)

.PHONY: help setup run dev test test-setup test-vscode lint format bench-start bench-attribution bench-embedding \
	bench-engine bench-knowledge soak-engine soak pins clean bench-lsp soak-lsp FORCE

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 20

setup: .make/python .make/web .make/models ## install everything, start nothing (GPU=1: for an NVIDIA GPU)

run: setup ## set up what is missing, start the server, print its address (ARGS="--port 9000")
	@exec $(BIN)/petra serve $(ARGS)

dev: setup .make/test ## run the server and the page, both reloading when their code changes
	@exec sh $(SETUP)/dev.sh $(ARGS)

test: test-setup ## run every check and test, one summary (ARGS="-k search" is for pytest)
	@exec $(BIN)/python -m tests.run_all $(ARGS)

test-vscode: setup .make/test .make/vscode ## drive the real VS Code, which `make test` does not: one to five minutes
	@sh $(SETUP)/browser.sh
	@exec $(BIN)/python -m pytest --timeout 600 tests/editors/try_vscode.py $(ARGS)

test-setup: setup .make/test
	@sh $(SETUP)/browser.sh
	@sh $(SETUP)/editors.sh

lint: .make/test ## ruff, mypy and import-linter
	@$(BIN)/pre-commit run --all-files

format: .make/test ## let ruff mend and format the code
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

bench-start: setup ## time from starting to listening and to `initialize`; memory when idle
	@$(BIN)/python benchmarks/start/run.py $(ARGS)

bench-attribution: setup ## precision and recall of the sources that Petra marks as supported
	@$(BIN)/python benchmarks/attribution/run.py $(ARGS)

bench-embedding: setup ## ways to embed side by side, and how long a question waits beside documents
	@$(BIN)/python benchmarks/embedding/run.py $(ARGS)

bench-engine: setup .make/test ## the engine beside llama.cpp's own server, an hour (ARGS="--quick": a few)
	@$(BIN)/python -m benchmarks.engine.run $(ARGS)

bench-knowledge: setup .make/test ## retrieval: quality, freshness, speed, memory, beside semble (ARGS="--quick", --rows …)
	@$(BIN)/python -m benchmarks.knowledge.run $(ARGS)

bench-lsp: setup .make/test ## keystrokes, `initialize`, sixty clients beside bare pygls, memory (ARGS="--loaded": while busy)
	@$(BIN)/python benchmarks/lsp/run.py $(ARGS)

soak-lsp: setup .make/test ## a day's worth of edits, then an hour of whatever a client may send (ARGS=SECONDS)
	@$(BIN)/python -m tests.lsp.day 50000
	@$(BIN)/python -m tests.lsp.fuzz $(or $(ARGS),3600)

soak-engine: setup ## ten minutes with fifty clients that come, go, cancel and stall
	@$(BIN)/python -m benchmarks.engine.soak $(ARGS)

soak: setup .make/test ## 500 kills and 200 lives of a naive model, half an hour (ARGS="--kills 100")
	@$(BIN)/python -m tests.durability.soak $(ARGS)

pins: .make/preflight ## write constraints.txt anew, with the newest versions that pyproject.toml allows
	@sh $(SETUP)/pins.sh "$$(cat .make/preflight)"

clean: ## remove all that was installed and built here; documents, models and compiled wheels stay
	rm -rf .venv .make web/node_modules web/dist build server/petra.egg-info

.make/gpu: FORCE
	@mkdir -p .make; echo "$(GPU)" | cmp -s - $@ || echo "$(GPU)" > $@

.make/preflight: $(SETUP)/preflight.sh
	@mkdir -p .make; PYTHON="$(PYTHON)" sh $< > $@.new && mv $@.new $@

.make/venv: .make/preflight
	@echo "Creating the virtual environment"
	@"$$(cat .make/preflight)" -m venv .venv
	@$(PIP) install -qq -c constraints.txt pip setuptools
	@touch $@

.make/torch: .make/venv .make/gpu $(SETUP)/torch_cpu.py constraints.txt
	@echo "Installing torch"
	@$(BIN)/python $(SETUP)/torch_cpu.py $(GPU_FLAG)
	@touch $@

.make/llama: .make/venv .make/gpu $(SETUP)/llama.py constraints.txt
	@$(BIN)/python $(SETUP)/llama.py $(GPU_FLAG)
	@touch $@

.make/python: .make/torch .make/llama pyproject.toml
	@echo "Installing the other packages"
	@$(PIP) install -qq --no-build-isolation -c constraints.txt -e .
	@touch $@

.make/test: .make/python
	@echo "Installing what the tests need"
	@$(PIP) install -qq --no-build-isolation -c constraints.txt -e '.[test]'
	@touch $@

.make/vscode: .make/venv $(SETUP)/vscode.sh
	@sh $(SETUP)/vscode.sh

.make/npm: .make/preflight web/package.json web/package-lock.json
	@echo "Installing what the page is built with"
	@cd web && npm ci --no-audit --no-fund --no-update-notifier --loglevel=error
	@touch $@

.make/web: .make/npm $(WEB_SOURCES)
	@echo "Building the page"
	@cd web && npm run --silent build -- --logLevel warn
	@touch $@

.make/models: .make/python
	@$(BIN)/petra models pull --default
	@touch $@
