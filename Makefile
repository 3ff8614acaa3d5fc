# Two commands do everything on a fresh Debian machine: `make demo` and `make test`.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3.11
export PATH := $(CURDIR)/$(BIN):$(PATH)
READY := $(VENV)/.ready

.PHONY: help setup demo test test-unit coverage test-wheel test-molecule test-lab test-crowd check check-python check-ansible role-docs bench lab lab-down lab-purge lock clean

help: ## say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(READY) ## make the virtual environment with the locked versions
$(READY): pyproject.toml .config/constraints.txt
	@.config/setup.sh "$(PYTHON)" "$(VENV)"
	@touch $@

demo: setup ## set up all, build the lab client, onboard it, show the result
	@$(BIN)/python -m tests.demo

test: setup ## set up all, run every test
	@tests/run.sh

test-unit: setup ## the tests that need no lab
	@$(BIN)/pytest -m "not lab and not wheel and not crowd" -n 2 tests

coverage: setup ## the same, and which lines none of them reaches: takes half as long again
	@$(BIN)/pytest -m "not lab and not wheel and not crowd" -n 2 --cov --cov-report=term:skip-covered tests

test-wheel: setup ## build the wheel, install it elsewhere, use it there
	@$(BIN)/pytest -m wheel tests

test-molecule: setup ## the roles on systemd hosts of their own
	@tests/molecule.sh

test-lab: setup ## the main job on the lab client
	@$(BIN)/pytest -m lab tests

test-crowd: setup ## the main job on sixty hosts: half an hour, and no part of `make test`
	@$(BIN)/pytest -m crowd -s tests

check: check-python check-ansible ## lint, types, architecture, Ansible's production profile; with -j2 side by side

check-python: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --config .config/importlinter.ini

check-ansible: setup
	@ANSIBLE_COLLECTIONS_PATH=$$($(BIN)/python -c 'from tests.windows_collection import install; print(install())') \
	  $(BIN)/ansible-lint -c .config/ansible-lint.yml
	@$(BIN)/yamllint -c .config/yamllint.yml .
	@$(BIN)/python .config/role_docs.py --check

role-docs: setup ## write the tables of variables in the roles' READMEs
	@$(BIN)/python .config/role_docs.py

bench: setup build/pyinfra ## measure discovery, inventories, rollouts and network baselines beside their peers (root)
	@$(BIN)/python -m benchmarks

build/pyinfra: # in an environment of its own: it wants another paramiko than netmiko does
	@$(PYTHON) -m venv $@ && $@/bin/pip install --quiet --disable-pip-version-check 'pyinfra~=3.10'

lab: setup ## bring the lab client up
	@$(BIN)/python -m tests.lab up

lab-down: ## take the lab client down; its images stay
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m tests.lab down; fi

lab-purge: ## take it down with its images
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m tests.lab purge; fi

lock: ## write the versions of a fresh resolution to .config/constraints.txt
	@.config/lock.sh "$(PYTHON)"

clean: lab-down ## remove all that was made
	rm -rf $(VENV) build dist
