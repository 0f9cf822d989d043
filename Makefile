# `make` alone prints this list. Everything happens in .venv and .atlas; nothing outside this folder is changed.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
BIN := .venv/bin
LOCK := requirements.lock
KEY := $(shell cat $(LOCK) pyproject.toml .ci/setup | (sha256sum 2>/dev/null || shasum -a 256) | cut -c1-16)
STAMP := .venv/.set-up-$(KEY)$(if $(GPU),-gpu)
ATLAS := $(BIN)/atlas $(if $(PROFILE),--profile $(PROFILE))
FAST := not model and not vllm and not browser and not slow

.PHONY: help setup run test check fast-test slow-test lint lock clean
.DEFAULT_GOAL := help

help:  ## Print this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## Create .venv and install what requirements.lock pins. GPU=1: vLLM for a GPU instead (not from the lock).
$(STAMP):
	@PYTHON="$(PYTHON)" GPU="$(GPU)" LOCK="$(LOCK)" bash .ci/setup $@

run: $(STAMP)  ## Set up, fetch the models, index the corpus, start the model server, open the chat. PROFILE=tiny: the smallest model.
	@$(ATLAS) up

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/mypy

check: lint fast-test  ## ruff, mypy and the tests that need no model, server or browser.

fast-test: $(STAMP)  ## Only those tests, on all cores. ARGS="-k word" passes arguments to pytest.
	@$(BIN)/python -m pytest -q -n logical --dist loadfile -m "$(FAST)" $(ARGS)

slow-test: $(STAMP)  ## The others, one after the other: real models, a real vLLM server, a real browser. ARGS as above.
	@$(BIN)/python -m pytest --durations=20 -m "not ($(FAST))" $(ARGS)

test: check slow-test  ## ruff, mypy and every test, the fast ones first.

lock: $(STAMP)  ## Make requirements.lock again from pyproject.toml; UPGRADE=1 looks for newer versions.
	@UPGRADE="$(UPGRADE)" LOCK="$(LOCK)" bash .ci/lock

clean:  ## Remove .venv and caches. Models and indexes (.atlas) stay.
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
