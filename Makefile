# Two commands: `make demo` and `make test`. Both make their own environment in .venv from the locked requirements.
PYTHON ?= python3
CORES ?= 2
BIN := .venv/bin
DEMO := build/demo
# sums of several threads depend on their order
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS=1
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES) --configfile demo/studies.yaml demo/config.yaml

.PHONY: install demo demo-data demo-plan test validate validate-poses validate-calcification validate-blooming benchmark-registration benchmark-mri reproduce lint config \
	hostile-inputs hostile-cohort validate-faults validate-same-bytes resources slurm \
	wmh-model brain-model slices-model validate-brain validate-real-poses validate-wmh validate-change validate-template validate-dicom validate-pacs site lock clean

install: .venv/.installed
	@echo "Now: source .venv/bin/activate && angiolith doctor"

demo: $(DEMO)/.made
	@$(SNAKEMAKE)
	@echo "The report: $(DEMO)/derivatives/report/index.html"

demo-data: $(DEMO)/.made

demo-plan: $(DEMO)/.made
	@$(BIN)/snakemake --cores $(CORES) --configfile demo/studies.yaml demo/config.yaml --dry-run

test: $(DEMO)/.made
	@$(BIN)/python -m pytest tests/workflow tests/unit -n $(CORES) --dist loadgroup
	@$(MAKE) --no-print-directory demo
	@$(BIN)/python -m pytest tests/integration tests/browser -n $(CORES) --dist loadgroup

validate: demo
	@$(BIN)/python -m validation.compare --run $(DEMO) --out docs/validation.md
	@$(BIN)/python -m validation.plaque --out docs/plaque_accuracy.md

# the WMH network, fitted on real and digital scans; the environment of the brain's networks
WMH_REAL ?= ../shared/real
WMH_MINUTES ?= 60
WMH_WORK := build/training/wmh
WMH_VERSION ?= 4
wmh-model: .venv/.installed build/training/venv/.installed
	@$(ONE_THREAD) $(BIN)/python -m training.wmh_scans --real $(WMH_REAL) --out $(WMH_WORK)/scans
	@$(ONE_THREAD) $(BRAIN_PYTHON) -m training.fit_wmh_network --scans $(WMH_WORK)/scans --state $(WMH_WORK)/state \
		--minutes $(WMH_MINUTES)
	@$(ONE_THREAD) $(BRAIN_PYTHON) -m training.export_wmh --state $(WMH_WORK)/state --out resources/wmh_model/wmh.onnx \
		--version "$(WMH_VERSION)"

# the brain's two networks, fitted on real heads and random contrasts; hours of CPU, an environment of its own
BRAIN_HEADS ?= ../shared/real/older_adults
BRAIN_MINUTES ?= 240
BRAIN_WORK := build/training/brain
BRAIN_PYTHON := build/training/venv/bin/python
brain-model: build/training/venv/.installed
	@$(ONE_THREAD) $(BRAIN_PYTHON) -m training.brain_labels $(BRAIN_HEADS) $(BRAIN_WORK)/heads
	@$(ONE_THREAD) $(BRAIN_PYTHON) -m training.brain_warps $(BRAIN_WORK)/heads $(BRAIN_WORK)/warps
	@$(ONE_THREAD) $(BRAIN_PYTHON) -m training.fit_brain --warps $(BRAIN_WORK)/warps --state $(BRAIN_WORK)/state \
		--minutes $(BRAIN_MINUTES) --threads $(CORES)
	@$(ONE_THREAD) $(BRAIN_PYTHON) -m training.export_brain --state $(BRAIN_WORK)/state --out resources/brain_model

# the network of thick slices' ventricles, fitted on drawn ones beside what the two others say of them
SLICE_SCANS ?= ../shared/real/ms_thick_slices
slices-model: .venv/.installed build/training/venv/.installed
	@$(ONE_THREAD) $(BIN)/python -m training.slice_scans --real $(SLICE_SCANS) --model resources/brain_model \
		--out $(BRAIN_WORK)/slices
	@$(ONE_THREAD) $(BRAIN_PYTHON) -m training.fit_slices --scans $(BRAIN_WORK)/slices --out resources/brain_model/slices.onnx

# brain and ventricles on real scans, the worst first
validate-brain: .venv/.installed
	@$(ONE_THREAD) $(BIN)/python -m validation.brain --out docs/brain_accuracy.md

# CT to MRI from random poses of real heads
validate-real-poses: .venv/.installed
	@$(ONE_THREAD) $(BIN)/python -m validation.real_poses --out docs/registration_real_heads.md

build/training/venv/.installed: training/requirements.lock
	@$(PYTHON) -m venv build/training/venv
	@build/training/venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r training/requirements.lock
	@touch $@

# 40 held-out heads
validate-wmh: build/heldout/.made
	@$(BIN)/python -m validation.small_vessel --heads build/heldout --out docs/small_vessel_accuracy.md

# two scans of one state are no change; a real patient's change beside the published one, where the images are at hand
validate-change: .venv/.installed
	@$(BIN)/python -m validation.wmh_change --out docs/wmh_change_accuracy.md

# the template step on heads that are not the template
validate-template: .venv/.installed
	@mkdir -p build
	@$(BIN)/python -m validation.template_step --rows build/template_step.tsv --out docs/template_accuracy.md

build/heldout/.made: .venv/.installed $(wildcard phantoms/*.py)
	@$(ONE_THREAD) $(BIN)/python -m phantoms --out build/heldout --subjects 40 --seed 2026 --jobs $(CORES)
	@touch $@

# 200 random poses of eight heads; some of them were used to tune: slabs' second search (8), the last level's greys (15)
validate-poses: build/poses/.made
	@$(BIN)/python -m validation.poses --run build/poses --cases 200 --jobs $(CORES) --out docs/registration.md

build/poses/.made: .venv/.installed $(wildcard phantoms/*.py)
	@$(ONE_THREAD) $(BIN)/python -m phantoms --out build/poses --subjects 8 --seed 45 --jobs $(CORES)
	@touch $@

# what every hostile input is answered, from the cases that are also tests
hostile-inputs: .venv/.installed
	@$(BIN)/python -m validation.hostile --out docs/hostile_inputs.md

# what the importer makes of real odd DICOM series
validate-dicom: .venv/.installed
	@$(BIN)/python -m validation.dicom_import --out docs/dicom_import.md

# two demo subjects written as a PACS export, imported, and held against themselves
validate-pacs: demo-data
	@$(BIN)/python -m validation.pacs_export --bids $(DEMO)/bids --out docs/pacs_export.md

# every hostile image as a subject of one cohort, run to its end; some of them are among the tests
hostile-cohort: .venv/.installed
	@ANGIOLITH_ALL_HOSTILE=1 $(BIN)/python -m pytest tests/integration/test_hostile_cohort.py

# one session on one core and on two, in other folders
validate-same-bytes: $(DEMO)/.made
	@$(BIN)/python -m validation.same_bytes --run $(DEMO) --out docs/same_bytes.md

# Forty held-out heads; about an hour on one core
validate-calcification: build/heldout/.made
	@$(BIN)/python -m validation.calcification --run build/heldout --work build/heldout/measured \
		--out docs/calcification_accuracy.md

# plaques of known size in a tube, scanned in many ways
validate-blooming: .venv/.installed
	@$(BIN)/python -m validation.blooming --out docs/blooming.md

benchmark-registration: $(DEMO)/.made
	@$(BIN)/python -m benchmarks.registration --run $(DEMO)

# the MRI branch of a session beside ANTs' defaults for the same steps
benchmark-mri: $(DEMO)/.made
	@$(BIN)/python -m benchmarks.mri_branch --run $(DEMO) --out docs/mri_speed.md

validate-faults: .venv/.installed
	@$(BIN)/python -m validation.faults --out docs/faults.md

# measured memory and time of each rule's jobs of the demo beside what it asks for
resources: .venv/.installed
	@$(BIN)/python -m benchmarks.resources $(DEMO)/derivatives

# what sending jobs to Slurm needs, on a machine that has Slurm (docs/cluster.md)
slurm: .venv/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r envs/slurm.lock

reproduce: .venv/.installed
	@$(BIN)/python -m validation.reproduce --out docs/reproduction.md

# the documentation as a site that opens from disk: build/site/index.html; a link without a target is an error
SITE_PAGES := build/site_pages
site: build/website/venv/.installed
	@rm -rf $(SITE_PAGES) && mkdir -p $(SITE_PAGES)
	@cp -r --parents docs *.md LICENSE CITATION.cff config/README.md envs/sbom.cdx.json resources/anatomy_model/README.md $(SITE_PAGES)
	@NO_MKDOCS_2_WARNING=1 build/website/venv/bin/python -m mkdocs build --strict --quiet -f website/mkdocs.yml
	@echo "The site: build/site/index.html"

build/website/venv/.installed: website/requirements.lock
	@$(PYTHON) -m venv build/website/venv
	@build/website/venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r website/requirements.lock
	@touch $@

lint: .venv/.installed
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/snakefmt --check --line-length 120 Snakefile rules
	@$(BIN)/mypy && $(BIN)/lint-imports
	@$(BIN)/python -m angiolith.core.config_files --check
	@$(BIN)/python -m tests.prose && $(BIN)/python -m tests.docstrings
	@$(BIN)/snakemake --lint --configfile tests/lint.yaml

# what is made from the configuration model (config.yaml, schema.json, the key reference), the commands and the steps
config: .venv/.installed
	@$(BIN)/python -m angiolith.core.config_files
	@$(BIN)/python -m angiolith.cli.reference
	@$(BIN)/python -m website.figures && $(BIN)/python -m website.columns

# needs uv; the lock holds hashes and no registry's address
lock:
	uv pip compile --universal --generate-hashes --no-header --no-annotate pyproject.toml --group dev -o envs/requirements.lock
	python3 envs/write_environment.py
	python3 envs/write_sbom.py
	(sed '/^[^#]/,$$d' envs/slurm.lock; uv pip compile --universal --no-deps --generate-hashes --no-header --no-annotate \
		--group slurm) > envs/slurm.lock.new && mv envs/slurm.lock.new envs/slurm.lock
	uv pip compile --universal --generate-hashes --no-header --no-annotate training/requirements.in -o training/requirements.lock
	uv pip compile --universal --generate-hashes --no-header --no-annotate website/requirements.in -o website/requirements.lock

.venv/.installed: envs/requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info < (3, 14); sys.exit(0 if ok else "Python 3.11 to 3.13 is needed: make PYTHON=python3.12")'
	@echo "making the environment in .venv: 1.7 GB of packages, nothing is printed while they arrive"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r envs/requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(DEMO)/.made: .venv/.installed $(wildcard phantoms/*.py demo/*.yaml)
	@echo "building the demo cohort in $(DEMO)"
	@$(ONE_THREAD) $(BIN)/python -m phantoms --out $(DEMO) --jobs $(CORES)
	@$(BIN)/python -m phantoms.preset_tables --out $(DEMO)/studies --seed 1
	@touch $@

clean:
	rm -rf build
