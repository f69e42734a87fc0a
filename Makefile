# Every target sets up what it needs by itself and may be run again at any time.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test operation check fuzz fuzz-api bench bench-smoke bench-restore bench-rules bench-replay bench-availability bench-asking bench-export bench-idle bench-latency bench-pipeline bench-intake bench-projection bench-growth bench-workers bench-channels chaos soak day stories oversell screenshots laws race simulate mutation webhooks dashboards bom golden lock clean

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=
# The first that can make an environment. A distribution's own is linked statically, and an eighth faster than one that is not.
PYTHON ?= $(or $(shell for one in /usr/bin/python3 python3; do \
  $$one -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$one && break; done),python3)

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | column -t -s '|'

setup: $(READY) ## the virtual environment in .venv and the engines' jars; every target does this by itself

demo: $(READY) ## the main job on this machine: real Kafka, real PostgreSQL, real sales (ARGS="--events 20000 --json")
	@$(BIN)/onhand demo $(ARGS)

test: $(READY) ## the tests, on real engines, but for the long ones of make operation (ARGS="tests/schemas")
	$(if $(ARGS),,@$(BIN)/python -m deploy.browser)
	@$(BIN)/python -m pytest $(if $(ARGS),$(ARGS),-n 3 --dist loadfile --engines-at-least 200 $(LONG:%=--ignore=%))

# They take a minute or more each, or a machine of their own: file systems that are filled, a root of an image's own, the handbook line by line.
LONG := $(addprefix tests/,system/test_full_disks.py system/test_backup.py system/test_secured.py system/test_runbook.py system/test_metrics.py \
  system/test_personal_data.py system/test_rebuild.py system/test_reconciling.py system/test_tracing.py system/test_vault.py deploy/test_image.py deploy/test_handbook.py)
operation: $(READY) ## the long tests: full disks, backup, TLS, image, handbook, runbook, readiness, personal data, edits by hand
	@$(BIN)/python -m pytest $(LONG) --engines-at-least 30 $(ARGS)

check: $(READY) ## format, lint, types, import contracts
	@echo "-- format" && $(BIN)/ruff format --check --quiet .
	@echo "-- lint" && $(BIN)/ruff check --quiet .
	@echo "-- types" && $(BIN)/mypy
	@echo "-- contracts" && $(BIN)/lint-imports --no-logo

bench: $(READY) ## how fast the ledger worker is beside its rivals, all on the same real Kafka (ONHAND_MOVEMENTS=200000 ONHAND_SETS=real ONHAND_RIVALS=onhand,streams)
	@ONHAND_BENCH_JSON=$(or $(ONHAND_BENCH_JSON),tests/bench/results/ledger.json) $(BIN)/python -m pytest -q -s tests/bench/bench_ledger.py -o python_files="bench_*.py" -o timeout=14400 --engines-at-least 1 -p no:cacheprovider $(ARGS)

# All that are done in a minute or so with a few thousand of everything; they promise no time then.
SMOKE := ledger restore rules replay export idle latency pipeline intake projection growth workers availability asking
bench-smoke: $(READY) ## small, and only that they run: the benchmarks of tests/bench
	@ONHAND_MOVEMENTS=2000 ONHAND_ROUNDS=1 ONHAND_KEYS=2000 ONHAND_SKUS=500 ONHAND_BASKETS=200 ONHAND_SECONDS=2 ONHAND_RATES=20 ONHAND_RATE=20 \
	  ONHAND_DOCUMENTS=300 ONHAND_EVENTS=2000 ONHAND_PARTITIONS=1,2 MOVEMENTS=2000 $(BIN)/python -m pytest -q -s $(SMOKE:%=tests/bench/bench_%.py) \
	  -o python_files="bench_*.py" -o timeout=1800 --engines-at-least $(words $(SMOKE)) -p no:cacheprovider $(ARGS)

bench-restore: $(READY) ## how fast a starting worker has its keys back, beside a stock table of Faust (ONHAND_KEYS=1000000,3000000)
	@$(BIN)/python -m pytest -q -s tests/bench/bench_restore.py -o python_files="bench_*.py" -o timeout=3600 --engines-at-least 1 -p no:cacheprovider $(ARGS)

bench-rules: $(READY) ## how fast a worker publishes what a change of rules moves
	@$(BIN)/python -m pytest -q -s tests/bench/bench_rules.py -o python_files="bench_*.py" -o timeout=600 --engines-at-least 1 -p no:cacheprovider $(ARGS)

bench-replay: $(READY) ## how fast a year of real sales is sold again under other rules, on one core
	@$(BIN)/python -m pytest -q -s tests/bench/bench_replay.py -o python_files="bench_*.py" -o timeout=1800 --engines-at-least 1 -p no:cacheprovider $(ARGS)

bench-channels: $(READY) ## channels: a tight limit, one that hangs, the last four units, fifty planted differences, a shop of 20,000 SKUs in shadow (ARGS="-k last")
	@$(BIN)/python -m pytest -q -s tests/system/bench_*.py -o python_files="bench_*.py" -o timeout=900 --engines-at-least 1 -p no:cacheprovider $(ARGS)

bench-availability: $(READY) ## how soon a product page has its number, of 200,000 in PostgreSQL
	@$(BIN)/python -m pytest -q -s tests/bench/bench_availability.py -o python_files="bench_*.py" -o timeout=600 --engines-at-least 1 -p no:cacheprovider $(ARGS)

bench-asking: $(READY) ## how soon questions are answered beside a history that went through the log (MOVEMENTS=10000000)
	@MOVEMENTS=$(or $(MOVEMENTS),10000000) $(BIN)/python -m pytest -q -s tests/bench/bench_asking.py -o python_files="bench_*.py" -o timeout=36000 --engines-at-least 1 -p no:cacheprovider $(ARGS)

bench-export: $(READY) ## how fast an audit export is written, and checked, of a million movements (ONHAND_MOVEMENTS=10000000)
	@$(BIN)/python -m pytest -q -s tests/bench/bench_export.py -o python_files="bench_*.py" -o timeout=1800 --engines-at-least 1 -p no:cacheprovider $(ARGS)

bench-idle: $(READY) ## what an installation holds that has nothing to do, and how soon it is there
	@$(BIN)/python -m pytest -q -s tests/bench/bench_idle.py -o python_files="bench_*.py" -o timeout=600 --engines-at-least 1 -p no:cacheprovider $(ARGS)

bench-latency: $(READY) ## how soon an order is readable and told, open loop (ONHAND_RATES=100,500,1000,2000)
	@$(BIN)/python -m pytest -q -s tests/bench/bench_latency.py -o python_files="bench_*.py" -o timeout=7200 --engines-at-least 1 -p no:cacheprovider $(ARGS)

bench-pipeline: $(READY) ## how many real sale documents a worker settles, posts and publishes (ONHAND_PROFILE=1: where its time goes)
	@$(BIN)/python -m pytest -q -s tests/bench/bench_pipeline.py -o python_files="bench_*.py" -o timeout=7200 --engines-at-least 1 -p no:cacheprovider $(ARGS)

bench-intake: $(READY) ## how many signed webhooks are taken in, beside a bare endpoint
	@$(BIN)/python -m pytest -q -s tests/bench/bench_intake.py -o python_files="bench_*.py" -o timeout=3600 --engines-at-least 1 -p no:cacheprovider $(ARGS)

bench-projection: $(READY) ## how fast the log gets into PostgreSQL, beside COPY of the same rows
	@$(BIN)/python -m pytest -q -s tests/bench/bench_projection.py -o python_files="bench_*.py" -o timeout=7200 --engines-at-least 1 -p no:cacheprovider $(ARGS)

bench-growth: $(READY) ## what an event and a key cost, from ten thousand keys to three million (ONHAND_KEYS=10000,300000)
	@$(BIN)/python -m pytest -q -s tests/bench/bench_growth.py -o python_files="bench_*.py" -o timeout=14400 --engines-at-least 1 -p no:cacheprovider $(ARGS)

bench-workers: $(READY) ## what a second worker brings, and what partitions cost
	@$(BIN)/python -m pytest -q -s tests/bench/bench_workers.py -o python_files="bench_*.py" -o timeout=14400 --engines-at-least 1 -p no:cacheprovider $(ARGS)

chaos: $(READY) ## kills, stops and starves hubs on real engines under load, and counts what was lost (ARGS="-k 'worker and memory'")
	@$(BIN)/python tests/chaos/chaos.py $(ARGS)

soak: $(READY) ## half an hour at half of what this machine carries: does memory or lag grow (MINUTES=30 RATE=400)
	@$(BIN)/python tests/soak/soak.py --minutes $(or $(MINUTES),30) $(if $(RATE),--rate $(RATE)) $(ARGS)

day: $(READY) ## a retailer's day on four platforms, an ERP, a 3PL and a shipping tool: does everybody agree in the end (TRANSACTIONS=2000)
	@PYTHONPATH=tests/retailer $(BIN)/python tests/day/day.py --transactions $(or $(TRANSACTIONS),2000) $(ARGS)

stories: $(READY) ## the retailer's flows, from an online order to an exchange: after every step ledger, platforms and explain agree (ARGS="-k pick")
	@$(BIN)/python -m pytest tests/stories --engines-at-least 1 --durations 0 --durations-min 0.1 -v $(ARGS)

oversell: $(READY) ## what it costs that channels hear of sales late: oversells and stranded units by delay, on a year of real sales (ARGS="--years 1")
	@$(BIN)/python tests/study/oversell.py $(ARGS)

screenshots: $(READY) ## pictures of every screen of the dashboard, of a running installation on real sales (ARGS="--out FOLDER")
	@$(BIN)/python -m deploy.browser
	@$(BIN)/python tests/screens/shots.py $(ARGS)

laws: $(READY) ## the laws of the product, each with ten thousand examples (EXAMPLES=10000)
	@$(BIN)/python -m pytest -q -m law --examples $(or $(EXAMPLES),10000) -o timeout=3600 --durations 0 --durations-min 1 $(ARGS)

race: $(READY) ## 200 buyers for 10 units on 3 channels, a thousand times over, on a running installation (ROUNDS=1000)
	@ONHAND_ROUNDS=$(or $(ROUNDS),1000) ONHAND_SECONDS=60 $(BIN)/python -m pytest -q -s tests/system/test_reservations.py -o timeout=3600 --engines-at-least 1 $(ARGS)

fuzz-api: $(READY) ## everything the API's document allows, and what it does not, asked of a running installation (EXAMPLES=200 SEED=7)
	@ONHAND_EXAMPLES=$(or $(EXAMPLES),200) ONHAND_SEED=$(or $(SEED),$$RANDOM) $(BIN)/python -m pytest -q -s tests/system/test_api_fuzz.py -o timeout=7200 --engines-at-least 1 $(ARGS)

# Coverage-guided fuzzing is for Linux on x86-64 alone, so it is no dependency: it lies beside the virtual environment.
FUZZING := .venv-fuzzing
fuzz: $(READY) ## every mapping and parser, coverage-guided, on one core: does anything fall over (MINUTES=10)
	@test -d $(FUZZING)/atheris || $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --target $(FUZZING) -r tests/fuzzing/atheris.txt
	@PYTHONPATH=.:$(FUZZING):tests/fuzzing:tests/connectors $(BIN)/python tests/fuzzing/fuzz.py --minutes $(or $(MINUTES),10) $(ARGS)

simulate: $(READY) ## the core in a simulated world that loses, repeats, delays and kills; then planted bugs (SEEDS=10000)
	@$(BIN)/python tests/simulator/simulate.py --seeds $(or $(SEEDS),10000)
	@$(BIN)/python tests/simulator/simulate.py --hunt --seeds 1000

mutation: $(READY) ## one planted fault after the other in the core: how many of them its tests notice (ARGS="schemas.ledger")
	@PYTHONHASHSEED=0 $(BIN)/python tests/mutation/mutate.py $(ARGS)

webhooks: $(READY) ## 10,000 forged, replayed and altered webhooks: none is taken; attackers beside honest senders; the broker gone for 30 s (FORGED=10000 ONHAND_ROUNDS=5)
	@ONHAND_FORGED=$(or $(FORGED),10000) $(BIN)/python -m pytest -q -s tests/system/test_forged.py tests/system/load_webhooks.py -o timeout=3600 \
	  --engines-at-least 4 -p no:cacheprovider $(ARGS)

dashboards: $(READY) ## deploy/grafana, deploy/prometheus/alerts.yaml and deploy/METRICS.md, anew from the table of metrics
	@$(BIN)/python -m deploy.dashboards

bom: $(READY) ## what the product is made of, and under which licences: CycloneDX, in onhand.cdx.json
	@$(BIN)/python -m deploy.bom > onhand.cdx.json && echo "-- written to onhand.cdx.json"

golden: $(READY) ## records the log of this release, which every later one has to fold to the same bytes: once for each release
	@$(BIN)/python tests/golden/record.py $(ARGS)

lock: $(READY) ## resolves the dependencies again and writes requirements.lock
	@$(BIN)/python -m piptools compile --quiet --all-extras --generate-hashes --strip-extras --allow-unsafe \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --no-annotate --output-file requirements.lock pyproject.toml
	@$(BIN)/python -m deploy.bom locks

clean: ## forgets the virtual environment and what demo and tests left here
	rm -rf $(VENV) .venv-rivals .venv-fuzzing .onhand .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: apt-get install python3.11"; exit 2; }
	@echo "-- virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv does not work: apt-get install python3-venv"; exit 2; }
	@echo "-- dependencies, by their hashes (once)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m deploy.kafka >/dev/null
	@touch $@
