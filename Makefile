# A thin front to Meson and the scripts in tools/. `make help` lists what there is.

BUILD ?= build
PREFIX ?= /usr/local
MESON = meson setup --prefix=$(PREFIX)
DHOW = $(BUILD)/dhow
PIPELINE = pipelines/model_selection/pipeline.yaml
CLANG = CC=clang-14
C_FILES = $(shell find src include tests pipelines examples -name "*.[ch]")

.DEFAULT_GOAL = build

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install the Debian packages that a build needs (root or sudo; at once done where they are there)
	@tools/install-deps.sh build

deps-test: ## the same, with what the tests need
	@tools/install-deps.sh test

$(BUILD)/build.ninja: | deps
	@$(MESON) $(BUILD) >$(BUILD).log || { cat $(BUILD).log; exit 1; }
	@mv $(BUILD).log $(BUILD)/setup.log

build: deps $(BUILD)/build.ninja ## the program, build/dhow, and the one for pods, build/dhow-launch
	@ninja -C $(BUILD) --quiet dhow dhow-launch

demo: build ## run the model selection pipeline, and show what came out
	@tools/demo.sh $(DHOW) $(PIPELINE)

test: deps deps-test $(BUILD)/build.ninja .venv .tools ## all checks and tests; ends with `N passed, N failed`
	@python3 tools/run_tests.py $(ARGS)

.venv: .FORCE
	@tools/make-venv.sh

.tools: .FORCE
	@tools/get-minio.sh

bench: build ## speed: the demo, the cost of a step, against ninja
	@python3 bench/run.py $(DHOW) $(ARGS)

bench-record: build deps-test ## what the record costs, beside ML Metadata's client and on servers
	@tools/make-mlmd-venv.sh >/dev/null || echo "without Google's ml_metadata client" >&2
	@ninja -C $(BUILD) --quiet src/store/bench-store src/store/bench-lineage
	@python3 bench/record/run.py $(BUILD) $(ARGS)

bench-server: build ## the server with a long record: wrk, event streams, submit to first task; ARGS='--runs N --seconds S'
	@tools/build.sh release dhow
	@python3 bench/server/run.py build-release/dhow $(ARGS)

bench-ml: build .venv ## speed of the numeric core beside its peers
	@.venv/bin/python bench/ml/run.py $(DHOW) $(ARGS)

bench-c: build ## what a step and a pipeline in C cost
	@python3 bench/c/run.py $(DHOW)

bench-s3: build .venv .tools ## speed of artifacts in a bucket beside boto3 and mc
	@.venv/bin/python bench/s3.py $(DHOW) $(ARGS)

cluster-up: .venv .tools ## a Kubernetes of one node with Argo, on this machine (root); prints KUBECONFIG=FILE
	@tools/install-deps.sh cluster
	@tools/get-kubernetes.sh
	@python3 tests/cluster/cluster.py up

cluster-down: ## end it, and remove all that it kept
	@python3 tests/cluster/cluster.py down

cluster-test: build .venv .tools ## dhow on Kubernetes: on the cluster of KUBECONFIG, or on a node of its own; ARGS='NAME...'
	@tests/cluster/run.sh $(ARGS)

bench-cluster: build .venv .tools ## pods, seconds, API calls and etcd bytes of a run beside Kubeflow's (KFP_HOST) or its layout, on that cluster
	@tests/cluster/run.sh --bench $(ARGS)

faults: build deps-test ## each allocation of a small run's engine fails once, over libdhow (make test: some of them); an hour
	@PYTHONPATH=tests DHOW=$(DHOW) python3 tests/lib/test_libdhow.py --faults

conformance: build ## the official SDK's compiled pipelines, where ../shared/conformance is present
	@python3 tools/run_tests.py --only conformance

ui: ## build the page anew from ui/src into ui/dist, which the program embeds (node 18 or later)
	@tools/build-ui.sh ui/dist

test-firefox: build .venv ## the page's main flow in Firefox (Debian: firefox-esr)
	@PYTHONPATH=tests .venv/bin/python tests/ui/firefox.py

install: build ## install program, man page, completion, headers; PREFIX=/usr/local, DESTDIR
	@grep -q '"value": "$(abspath $(PREFIX))"' $(BUILD)/meson-info/intro-buildoptions.json || meson configure $(BUILD) -Dprefix=$(abspath $(PREFIX))
	@ninja -C $(BUILD) --quiet install-files >$(BUILD)/install.log || { cat $(BUILD)/install.log; exit 1; }
	@meson install -C $(BUILD) --no-rebuild --quiet $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

uninstall: ## remove what the last `make install` put there
	@ninja -C $(BUILD) --quiet uninstall

format: ## put all C files into the house's form
	@clang-format-14 -i $(C_FILES)

lint: ## layers, banned functions, form, headers that compile alone, size and complexity
	@python3 tools/run_tests.py --only layers,banned,format,headers
	@tools/complexity.sh

argo-lint: build deps-test .venv ## the conformance pipelines' Workflows through Argo's own validation (builds it first: Go, some minutes)
	@tools/get-argo-lint.sh
	@python3 tools/run_tests.py --only argo

deploy-test: build deps-test .venv .tools ## deploy/ as helm, kustomize, actionlint and GitLab's schema see it (gets them first: Go 1.26, some minutes)
	@tools/get-deploy-tools.sh
	@PATH="$(CURDIR)/.tools/deploy/bin:$$PATH" python3 tools/run_tests.py --only deploy

hdr-check: ## each header compiles alone
	@python3 tools/run_tests.py --only headers

sanitize: deps-test ## AddressSanitizer and UBSan, in build-asan
	@tools/build.sh asan

clang: deps-test ## a build by clang, in build-clang
	@tools/build.sh clang

release: deps-test ## -O3 -DNDEBUG, in build-release
	@tools/build.sh release

tsan: deps-test ## ThreadSanitizer, in build-tsan
	@tools/build.sh tsan

fuzz: deps-test ## the fuzzers, in build-fuzz
	@tools/build.sh fuzz

clean: ## remove all builds (not .dhow, the record, nor .venv)
	@rm -rf build build-* build*.log

.FORCE:
.PHONY: help faults argo-lint bench-c deps deps-test build demo test bench bench-record bench-ml conformance ui install uninstall format lint hdr-check sanitize clang release tsan fuzz clean bench-server test-firefox cluster-up cluster-down cluster-test bench-cluster deploy-test .FORCE
