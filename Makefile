# Chainrule. `make help` says what there is to make; the longer recipes are in scripts/.

VERSION := $(shell sed -n 's/^\#define CHAINRULE_VERSION_[A-Z]* //p' Include/chainrule.h | paste -sd.)
MAJOR := $(word 1,$(subst ., ,$(VERSION)))
MINOR := $(word 2,$(subst ., ,$(VERSION)))
LIBRARY := build/libchainrule.so.$(VERSION)

PREFIX ?= /usr/local
DESTDIR ?=
INSTALLED := $(DESTDIR)$(PREFIX)
CMAKE_PACKAGE := $(INSTALLED)/lib/cmake/Chainrule

# A module that imports one it does not name in Package.swift does not compile.
IMPORT_CHECK := --explicit-target-dependency-import-check error
export SWIFT_FLAGS := $(IMPORT_CHECK)

SOURCES := Package.swift $(shell find -L Sources Include -type f 2>/dev/null)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.PHONY: all demo test bench bench-quick install uninstall clean help packages stage environment

all: $(LIBRARY) ## the library and its headers, into build/ (needs Swift 6.3; PORTABLE=1: to run with glibc 2.34)

$(LIBRARY): $(SOURCES) scripts/build_library.sh
	@scripts/build_library.sh $(VERSION)

demo: environment ## train on real data from C, C++ and Python; a table and pictures at the end
	@scripts/run_examples.sh

test: ## all tests; their last line is "N passed, N failed" (ONLY="python readme": only these)
	@scripts/run_tests.sh $(ONLY)

bench: all ## all measurements and their report (ONLY="jobs,catalog": these parts; WRITE=1: into Benchmarks/RESULTS.md)
	@Benchmarks/run.sh $(if $(ONLY),--only $(ONLY)) $(if $(WRITE),--write)

bench-quick: all ## the same in three minutes: some workloads, short measurements
	@Benchmarks/run.sh --quick $(if $(ONLY),--only $(ONLY))

install: all ## library, headers, chainrule.pc and CMake package, under PREFIX (/usr/local) in DESTDIR
	@install -d $(INSTALLED)/lib/pkgconfig $(INSTALLED)/include $(CMAKE_PACKAGE)
	@install -m 755 $(LIBRARY) $(INSTALLED)/lib/
	@ln -sf libchainrule.so.$(VERSION) $(INSTALLED)/lib/libchainrule.so.$(MAJOR)
	@ln -sf libchainrule.so.$(MAJOR) $(INSTALLED)/lib/libchainrule.so
	@install -m 644 Include/chainrule.h Include/chainrule.hpp $(INSTALLED)/include/
	@$(call fill_in,chainrule.pc) > $(INSTALLED)/lib/pkgconfig/chainrule.pc
	@$(call fill_in,chainrule-config.cmake) > $(CMAKE_PACKAGE)/chainrule-config.cmake
	@$(call fill_in,chainrule-config-version.cmake) > $(CMAKE_PACKAGE)/chainrule-config-version.cmake
	@case "$(DESTDIR)$(PREFIX)" in /usr | /usr/local) ldconfig 2>/dev/null || true ;; esac
	@echo "installed in $(INSTALLED)"

uninstall: ## removes what install put there, given the same PREFIX and DESTDIR
	@rm -f $(INSTALLED)/lib/libchainrule.so $(INSTALLED)/lib/libchainrule.so.$(MAJOR) \
	  $(INSTALLED)/lib/libchainrule.so.$(VERSION) $(INSTALLED)/include/chainrule.h \
	  $(INSTALLED)/include/chainrule.hpp $(INSTALLED)/lib/pkgconfig/chainrule.pc
	@rm -rf $(CMAKE_PACKAGE)
	@echo "removed from $(INSTALLED)"

clean: ## removes build/ and .build/; keeps .venv
	@rm -rf build .build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*[#]# \(.*\)/  make \1	\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

# What demo and test need beside the library. Each step does nothing when all is there.
packages:
	@scripts/debian_packages.sh

# An installation of our own, for everything that uses the library as its users do.
stage: all
	@$(MAKE) --no-print-directory install PREFIX=$(CURDIR)/build/stage DESTDIR= >/dev/null

environment: packages stage
	@scripts/python_environment.sh

# A template of packaging/ with its @WORDS@ filled in.
fill_in = sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@VERSION@|$(VERSION)|g' -e 's|@SOVERSION@|$(MAJOR)|g' \
  -e 's|@MAJOR_MINOR@|$(MAJOR).$(MINOR)|g' packaging/$(1).in
