# make          set up .venv from the exact lock and run the default study
# make test     set up (if needed) and pass the tests
# make CONFIG=config/studies/smoke.yaml     another study
# make DIRECTORY=/scratch/me/repatlas       results on another disk; every later make the same
# make plan     say what would be done, how long it takes and how much disk; start no job
# make report   one self-contained file of a finished study, report.html
# make archive  a finished study in one zip, for a paper's supplement
# make unlock   after a workflow was killed; then start again (config/RECOVERY.md)
# make publish STUDY=name     copy a finished study's small tables and pictures for git
# make test-slurm   pass the tests on a SLURM of their own (root, slurm-wlm, munge)
# make test-faults   pass the tests that kill, damage and fill up disks (root for one of them)
# make slurm    run a study on a SLURM cluster, from its login node (config/CLUSTER.md)
# make check    formatters, linters, types;  make lock     solve the lock files again

PYTHON ?= python3
CORES ?= all
CONFIG ?= config/config.yaml
DIRECTORY ?= .
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SNAKEMAKE := $(BIN)/snakemake --workflow-profile workflow/profiles/default --cores $(CORES) \
  --directory $(DIRECTORY) --configfile $(CONFIG)

# Without a controller that answers, the SLURM executor costs each start of Snakemake ten seconds, so
# it has an environment of its own: one package on top of .venv.
SLURM_VENV := .venv-slurm
SLURM_READY := $(SLURM_VENV)/.ready

# The study's name, and with it its folder, as its file says.
NAME = $(shell $(BIN)/python -c 'import sys, yaml; print(yaml.safe_load(open(sys.argv[1]))["study"])' $(CONFIG))
STUDY_FOLDER = $(DIRECTORY)/results/studies/$(NAME)

.PHONY: study report archive setup test check publish format lock plan slurm setup-slurm test-slurm \
  test-faults unlock help

study: $(CONFIG) $(READY)
	$(SNAKEMAKE) $(ARGS)
	@$(MAKE) --no-print-directory report

# Needs a finished study and no network: Snakemake brings along all that the page shows.
report: $(CONFIG) $(READY)
	@$(SNAKEMAKE) --quiet all --report results/studies/$(NAME)/report.html
	@echo "Report: $(STUDY_FOLDER)/report.html"

archive: report
	@$(BIN)/python -m repatlas archive $(STUDY_FOLDER)

# Only where no workflow is running: nothing can tell a killed one from one that runs.
unlock: $(CONFIG) $(READY)
	@$(SNAKEMAKE) --unlock

# Asked for where the study's file is not there.
$(CONFIG):
	@echo "There is no study $(CONFIG); config/config.yaml and config/studies/ come along." >&2; exit 2

help:
	@sed -n '/^$$/q; s/^# //p' Makefile

plan: $(CONFIG) $(READY)
	@$(SNAKEMAKE) --dry-run --quiet rules
	@cd $(DIRECTORY) && $(abspath $(BIN))/python -m repatlas plan --configfile $(abspath $(CONFIG)) \
	  --cores $(CORES)

setup: $(READY)

# The lock holds every package with its hash; the project itself is installed in place.
$(READY): envs/requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"Python 3.11 or newer is needed, {v.major}.{v.minor} was found; name another with: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r envs/requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

slurm: $(CONFIG) $(SLURM_READY)
	$(SLURM_VENV)/bin/python -m snakemake --workflow-profile workflow/profiles/slurm \
	  --directory $(DIRECTORY) --configfile $(CONFIG) $(ARGS)

test-slurm: $(SLURM_READY)
	$(SLURM_VENV)/bin/python -m pytest -m slurm -rs tests/slurm

test-faults: $(READY)
	$(BIN)/python -m pytest -m faults -rs tests/faults

setup-slurm: $(SLURM_READY)

$(SLURM_READY): $(READY) envs/requirements-slurm.lock
	$(PYTHON) -m venv $(SLURM_VENV)
	$(SLURM_VENV)/bin/python -c 'import sys, sysconfig, pathlib; \
	  pathlib.Path(sysconfig.get_path("purelib"), "venv.pth").write_text( \
	  f"import site; site.addsitedir({sys.argv[1]!r})\n")' \
	  "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
	$(SLURM_VENV)/bin/python -m pip install --quiet --require-hashes -r envs/requirements-slurm.lock
	@touch $@

test: $(READY)
	$(BIN)/python -m pytest -n 2

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint --configfile config/studies/smoke.yaml

# Copy what git keeps of a finished study: small tables, pictures, captions, configuration.
publish: FINISHED = $(DIRECTORY)/results/studies/$(STUDY)
publish: $(READY)
	@test -n "$(STUDY)" || { echo "name the study: make publish STUDY=default"; exit 2; }
	@$(BIN)/python -m repatlas publish $(FINISHED) --output results/published/$(STUDY)

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

# Needs uv (pip install uv). One lock for all platforms and Python versions that are supported.
lock:
	uv pip compile pyproject.toml --extra test --extra dev --universal --python-version 3.11 \
	  --generate-hashes --custom-compile-command "make lock" -o envs/requirements.lock
	uv pip compile pyproject.toml --extra test --extra dev --extra slurm --universal \
	  --python-version 3.11 --generate-hashes --custom-compile-command "make lock" \
	  -o envs/requirements-slurm.lock
