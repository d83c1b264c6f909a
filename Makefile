# libprun and prun. `make help` lists the targets.
#
# Everything is built below build/ (or BUILD=dir).

VERSION := $(shell sed -n 's/^.define PRUN_VERSION "\(.*\)"/\1/p' lib/prun.h)
COMMA   := ,
MAJOR   := $(firstword $(subst ., ,$(VERSION)))

PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR     ?= $(PREFIX)/share/man
BASHDIR    ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR     ?= $(PREFIX)/share/zsh/site-functions
FISHDIR    ?= $(PREFIX)/share/fish/vendor_completions.d
# Other packages have a prun as well: what it is to be called here.
PROGRAM    ?= prun
BUILD      ?= build
ifneq ($(words $(BUILD)),1)
$(error BUILD must be one word: make cannot build in '$(BUILD)')
endif
JOBS       ?= $(shell nproc 2>/dev/null || echo 1)

ifeq ($(origin CC),default)
CC := gcc
endif
PKGCONFIG ?= pkg-config
OBJCOPY   ?= objcopy
OPT       ?= -O2 -g
WARN      := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wvla
HARDEN    ?= -D_FORTIFY_SOURCE=2 -fstack-protector-strong
HARDEN_LD ?= -Wl,-z,relro,-z,now
SANITIZE  ?=
CFLAGS    ?= $(OPT) $(HARDEN)

# Debian names msgpack-c's file msgpack.pc, upstream msgpack-c.pc.
MSGPACK := $(shell for n in msgpack-c msgpack; do \
	$(PKGCONFIG) --exists $$n 2>/dev/null && echo $$n && break; done)
pkg = $(shell $(PKGCONFIG) $(1) $(2) 2>/dev/null)

COMMON := -std=gnu11 -D_GNU_SOURCE -Ilib $(WARN) $(CPPFLAGS) $(CFLAGS) \
	$(SANITIZE) -MMD -MP
LIB_CFLAGS := $(COMMON) -fPIC -fvisibility=hidden -pthread
LIB_LIBS := -ldl -pthread
CLI_CFLAGS := $(COMMON) -fPIE \
	$(call pkg,--cflags,libcrypto libxxhash zlib jansson $(MSGPACK))
CLI_LIBS := $(call pkg,--libs,libcrypto libxxhash zlib jansson $(MSGPACK)) $(LIB_LIBS)
TEST_CFLAGS := $(COMMON) -Itests $(call pkg,--cflags,check $(MSGPACK))
TEST_LIBS := $(call pkg,--libs,check $(MSGPACK)) $(LIB_LIBS)
LDFLAGS_ALL = $(LDFLAGS) $(HARDEN_LD) $(SANITIZE)

LIB_SRC  := $(wildcard lib/*.c)
CLI_SRC  := $(wildcard cli/*.c cli/tasks/*.c)
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/%.o)
CLI_OBJ  := $(CLI_SRC:%.c=$(BUILD)/%.o)
CHECK_SRC := $(wildcard tests/check_*.c)
CHECK_BIN := $(CHECK_SRC:%.c=$(BUILD)/%)
HELP_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(CHECK_SRC),$(wildcard tests/*.c)))
PLUGINS  := $(patsubst tests/plugins/%.c,$(BUILD)/tests/plugins/%.so,$(wildcard tests/plugins/*.c))
TORTURE  := $(patsubst tests/torture/%.c,$(BUILD)/torture/%,$(wildcard tests/torture/*.c))
BENCHES  := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c))
EXAMPLES := $(patsubst docs/examples/%.c,$(BUILD)/examples/%,$(wildcard docs/examples/*.c))

STATIC := $(BUILD)/libprun.a
SONAME := libprun.so.$(MAJOR)
SHARED := $(BUILD)/libprun.so.$(VERSION)
PRUN   := $(BUILD)/prun

.PHONY: FORCE all help lib clean demo check check-run check-both check-all unit cli-tests floors bench bench-run \
	install uninstall deb setup setup-check setup-bench setup-ci asan tsan tsan-run valgrind coverage lint format \
	examples examples-tests everything torture torture-short fuzz fuzz-short fuzz-build \
	payload payload-short

all: $(PRUN) $(STATIC) $(SHARED) $(BUILD)/libprun.pc ## build everything (default)

FORCE:

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1: \2/p' Makefile | \
		awk -F': ' '{ printf "  %-12s %s\n", $$1, $$2 }'

lib: $(STATIC) $(SHARED) ## build the library only

# ---------------------------------------------------------------- the objects

$(BUILD)/lib/%.o: lib/%.c
	@mkdir -p $(@D)
	$(CC) $(LIB_CFLAGS) -c -o $@ $<

$(BUILD)/cli/%.o: cli/%.c
	@mkdir -p $(@D)
	$(CC) $(CLI_CFLAGS) -c -o $@ $<

$(BUILD)/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -c -o $@ $<

# One object whose hidden names are local, so that a program that links it
# statically may have a board_new of its own. The tests take the objects.
$(STATIC): $(LIB_OBJ)
	$(LD) -r -o $(BUILD)/libprun.o $^
	$(OBJCOPY) --localize-hidden $(BUILD)/libprun.o
	rm -f $@
	$(AR) rcs $@ $(BUILD)/libprun.o

$(SHARED): $(LIB_OBJ)
	$(CC) -shared -Wl,-soname,$(SONAME) $(LDFLAGS_ALL) -o $@ $^ $(LIB_LIBS)
	ln -sf $(notdir $@) $(BUILD)/$(SONAME)
	ln -sf $(SONAME) $(BUILD)/libprun.so

# A plugin leaves prun_* undefined: the program gives it all of the library.
$(PRUN): $(CLI_OBJ) $(STATIC)
	$(CC) -pie -rdynamic $(LDFLAGS_ALL) -o $@ $(CLI_OBJ) \
		-Wl,--whole-archive $(STATIC) -Wl,--no-whole-archive $(CLI_LIBS)

# Made anew each time: PREFIX may be another one.
$(BUILD)/libprun.pc: lib/libprun.pc.in FORCE
	@mkdir -p $(@D)
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's|@VERSION@|$(VERSION)|' \
		$< > $@

# ------------------------------------------------------------------ the tests

WRAP := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free,--wrap=fork \
	-Wl,--wrap=mmap,--wrap=memfd_create,--wrap=socketpair \
	-Wl,--wrap=epoll_create1,--wrap=eventfd,--wrap=timerfd_create \
	-Wl,--wrap=pthread_create

$(BUILD)/tests/check_%: $(BUILD)/tests/check_%.o $(HELP_OBJ) $(LIB_OBJ)
	$(CC) $(LDFLAGS_ALL) -rdynamic $(WRAP) -o $@ $^ $(TEST_LIBS) $(CHECK_LIBS)

# Those of the command line's own rooms.
$(BUILD)/tests/check_lanes: $(BUILD)/cli/tasks/lanes.o $(BUILD)/cli/tasks/lanes_ni.o
$(BUILD)/tests/check_lanes: CHECK_LIBS := $(call pkg,--libs,libcrypto)
$(BUILD)/tests/check_lanes.o: TEST_CFLAGS += -Icli/tasks
$(BUILD)/tests/check_file: $(BUILD)/cli/tasks/file.o
$(BUILD)/tests/check_file: CHECK_LIBS := -Wl,--wrap=openat,--wrap=__openat_2
$(BUILD)/tests/check_file.o: TEST_CFLAGS += -Icli/tasks
$(BUILD)/tests/check_command: $(patsubst %,$(BUILD)/cli/%.o,options option_table halt number message program line signals)
$(BUILD)/tests/check_command.o: TEST_CFLAGS += -Icli
$(BUILD)/tests/check_sumfile: $(BUILD)/cli/sumfile.o
$(BUILD)/tests/check_sumfile.o: TEST_CFLAGS += -Icli
$(BUILD)/tests/check_history: $(BUILD)/cli/history.o
$(BUILD)/tests/check_history.o: TEST_CFLAGS += -Icli
$(BUILD)/tests/check_trace: $(BUILD)/cli/trace_rows.o
$(BUILD)/tests/check_trace.o: TEST_CFLAGS += -Icli
$(BUILD)/tests/check_columns: $(patsubst %,$(BUILD)/cli/%.o,columns fields colsep csv tsv values walk json_in json_out text message program signals)
$(BUILD)/tests/check_columns: CHECK_LIBS := $(call pkg,--libs,jansson)
$(BUILD)/tests/check_columns.o: TEST_CFLAGS += -Icli
EXEC_ROOMS := template items columns batch environment spool gather lines input records fields colsep csv tsv \
	values walk json_in json_out text message program signals
$(BUILD)/tests/check_exec: $(EXEC_ROOMS:%=$(BUILD)/cli/%.o)
$(BUILD)/tests/check_exec: CHECK_LIBS := $(call pkg,--libs,jansson)
$(BUILD)/tests/check_exec.o: TEST_CFLAGS += -Icli
$(BUILD)/tests/check_journal: $(patsubst %,$(BUILD)/cli/%.o,journal keys journal_file option_table halt number message program signals output text)
$(BUILD)/tests/check_journal: CHECK_LIBS := $(call pkg,--libs,libxxhash)
$(BUILD)/tests/check_journal.o: TEST_CFLAGS += -Icli

$(BUILD)/tests/plugins/%.so: tests/plugins/%.c lib/prun.h
	@mkdir -p $(@D)
	$(CC) $(COMMON) -fPIC -shared -o $@ $<

$(BUILD)/bench/%: tests/bench/%.c tests/bench/bench.h $(STATIC)
	@mkdir -p $(@D)
	$(CC) $(COMMON) -o $@ $< $(LDFLAGS_ALL) $(STATIC) $(LIB_LIBS)

$(BUILD)/torture/%: tests/torture/%.c tests/torture/torture.h $(STATIC)
	@mkdir -p $(@D)
	$(CC) $(COMMON) -o $@ $< $(LDFLAGS_ALL) $(STATIC) $(LIB_LIBS)

# What two of the examples need beside the library.
$(BUILD)/examples/factorial: EXAMPLE_PKG := libcrypto
$(BUILD)/examples/event_loop: EXAMPLE_PKG := libevent_core

$(BUILD)/examples/%: docs/examples/%.c $(STATIC)
	@mkdir -p $(@D)
	$(CC) $(COMMON) $(if $(EXAMPLE_PKG),$(call pkg,--cflags,$(EXAMPLE_PKG))) \
		-o $@ $< $(LDFLAGS_ALL) $(STATIC) $(LIB_LIBS) \
		$(if $(EXAMPLE_PKG),$(call pkg,--libs,$(EXAMPLE_PKG)))

setup: ## install what building needs (Debian packages)
	@tests/tools/setup build

setup-check: ## install what building and testing need
	@tests/tools/setup build check

setup-bench:
	@tests/tools/setup build check bench

setup-ci:
	@tests/tools/setup build check ci

unit: $(CHECK_BIN) $(PLUGINS) ## run the unit tests
	@PRUN_TEST_PLUGINS=$(BUILD)/tests/plugins tests/tools/run-checks $(CHECK_BIN)

cli-tests: $(PRUN) $(PLUGINS) ## run the tests of the command line
	@PRUN=$(PRUN) PRUN_TEST_PLUGINS=$(BUILD)/tests/plugins tests/cli/run

# SEED=n repeats a run as far as chance goes.
torture: $(TORTURE) ## kill workers, fork servers and callers, for minutes
	@$(BUILD)/torture/kill 10000 $(SEED)
	@$(BUILD)/torture/parent 1000 $(SEED)
	@$(BUILD)/torture/stop 20000 $(SEED)
	@echo 'torture: passed'

torture-short: $(TORTURE) ## the same, for seconds
	@$(BUILD)/torture/kill 600 $(SEED)
	@$(BUILD)/torture/parent 120 $(SEED)
	@$(BUILD)/torture/stop 800 $(SEED)
	@echo 'torture: passed'

payload: $(BUILD)/bench/payload ## arguments and results of up to 1 GiB: time and memory
	@$(BUILD)/bench/payload 1 16 64 256 1024

payload-short: $(BUILD)/bench/payload
	@$(BUILD)/bench/payload 64

# ------------------------------------------------------------------ the fuzzing

# Each target has a main of its own (short), libFuzzer's or AFL++'s. The targets
# themselves are not instrumented for libFuzzer: what they compare the library
# with is not what is to be explored.
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BIN   := $(FUZZ_NAMES:%=$(BUILD)/fuzz/fuzz_%)
FUZZ_MAIN  ?= $(BUILD)/fuzz/main_short.o
FUZZ_CLI   := $(patsubst %,$(BUILD)/cli/%.o,options option_table halt number message program signals input line sumfile \
	records fields colsep csv tsv values walk json_in json_out columns text journal_file template items)
FUZZ_MUTATIONS ?= 50000

$(BUILD)/fuzz/%.o: tests/fuzz/%.c tests/fuzz/fuzz.h
	@mkdir -p $(@D)
	$(CC) $(filter-out -fsanitize=fuzzer-no-link,$(TEST_CFLAGS)) -Icli -c -o $@ $<

$(BUILD)/fuzz/fuzz_%: $(BUILD)/fuzz/fuzz_%.o $(FUZZ_MAIN) $(LIB_OBJ) $(FUZZ_CLI)
	$(CC) $(LDFLAGS_ALL) $(FUZZ_LINK) $(FUZZ_WRAP) -o $@ $^ $(TEST_LIBS) $(call pkg,--libs,jansson)

# What it writes is looked at, and how many CPUs there are is always the same.
$(BUILD)/fuzz/fuzz_options: FUZZ_WRAP := -Wl,--wrap=write,--wrap=prun_cpu_count
$(BUILD)/fuzz/fuzz_name: FUZZ_WRAP := -Wl,--wrap=write
$(BUILD)/fuzz/fuzz_%: TEST_LIBS += $(call pkg,--libs,libxxhash)

fuzz-build: $(FUZZ_BIN)

fuzz-short: fuzz-build ## the fuzz targets on their corpora and mutations, for seconds
	@tests/fuzz/short $(BUILD)/fuzz $(FUZZ_MUTATIONS) $(FUZZ_NAMES)

# RUNS=n of libFuzzer and AFL_SECONDS=n of AFL++ for each of TARGETS.
fuzz: ## fuzz with libFuzzer and AFL++ (hours)
	@tests/tools/setup build check fuzz
	@+$(MAKE) --no-print-directory -s -j$(JOBS) HARDEN= HARDEN_LD= BUILD=$(BUILD)/libfuzzer \
		CC=clang OPT='-O2 -g' FUZZ_MAIN= FUZZ_LINK=-fsanitize=fuzzer \
		SANITIZE='-fsanitize=fuzzer-no-link -fsanitize=address,undefined -fno-sanitize-recover=undefined' fuzz-build
	@+$(MAKE) --no-print-directory -s -j$(JOBS) HARDEN= HARDEN_LD= BUILD=$(BUILD)/afl \
		CC=afl-clang-fast OPT='-O2 -g' FUZZ_MAIN=$(BUILD)/afl/fuzz/main_afl.o fuzz-build
	@tests/fuzz/run $(BUILD) $(or $(TARGETS),$(FUZZ_NAMES))

floors: ## check that includes go only down
	@tests/tools/floors

# Set-up first, in a make of its own: this one has asked pkg-config already.
check: setup-check ## set up, build, and run the tests
	@+$(MAKE) --no-print-directory check-run

check-run:
	@+$(MAKE) --no-print-directory floors check-both
	@PRUN=$(PRUN) tests/tools/check-install
	@+$(MAKE) --no-print-directory examples-tests
	@PRUN=$(PRUN) tests/tools/check-readme
	@PRUN=$(PRUN) BUILD=$(BUILD) tests/tools/check-moving
	@+$(MAKE) --no-print-directory torture-short
	@+$(MAKE) --no-print-directory -s -j$(JOBS) fuzz-short
	@+$(MAKE) --no-print-directory payload-short

check-both:
	@+$(MAKE) --no-print-directory -s -j$(JOBS) all $(CHECK_BIN) $(PLUGINS)
	@+$(MAKE) --no-print-directory unit cli-tests

check-all: check ## the same, and the tests that need more than the core packages
	@tests/tools/setup build check more
	@+$(MAKE) --no-print-directory -s valgrind
	@PRUN=$(PRUN) tests/tools/check-terminal
	@PRUN=$(PRUN) tests/tools/check-page
	@PRUN=$(PRUN) PRUN_TEST_PLUGINS=$(BUILD)/tests/plugins tests/cli/run completion
	@PRUN=$(PRUN) PRUN_TEST_PLUGINS=$(BUILD)/tests/plugins PRUN_STRESS=1 CASE_LIMIT=1800 tests/cli/run stress
	@+$(MAKE) --no-print-directory payload
	@tests/tools/check-deb
	@tests/tools/check-bare

demo: setup ## set up, build, and hash the files under /usr/include
	@+$(MAKE) --no-print-directory -j$(JOBS) all
	@PRUN=$(PRUN) tests/tools/demo

bench: setup-bench ## measure against Python's Pool, xargs and md5sum
	@+$(MAKE) --no-print-directory bench-run

bench-run: all $(BENCHES)
	@PRUN=$(PRUN) python3 -B tests/bench/run.py $(BENCH)

examples: $(EXAMPLES)

examples-tests: $(STATIC) ## build the examples and run them on real data
	@BUILD=$(BUILD) tests/tools/check-examples

# Every program there is: for the static checks.
everything: all $(CHECK_BIN) $(PLUGINS) $(EXAMPLES) $(BENCHES) \
	$(TORTURE) $(FUZZ_BIN)

# A build of its own with other flags, and both kinds of tests with it.
TESTS_WITH = $(MAKE) --no-print-directory HARDEN= BUILD=$(BUILD)/$(1) \
	OPT='$(2)' SANITIZE='$(3)'

asan: ## the tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@+$(call TESTS_WITH,asan,-O1 -g -fno-omit-frame-pointer,-fsanitize=address$(COMMA)undefined -fno-sanitize-recover=undefined) check-both

# Those where threads share a pool. Without the allocations that fail on demand,
# whose counter is not for threads. The fences of the board, which tsan does not
# know, are for another process. Where addresses are spread too far for tsan
# they are not spread at all.
TSAN_BIN = $(BUILD)/tests/check_background $(BUILD)/tests/check_driver

tsan: ## the tests with threads under ThreadSanitizer
	@+$(call TESTS_WITH,tsan,-O1 -g -Wno-tsan,-fsanitize=thread) WRAP= HELP_OBJ= tsan-run

tsan-run: $(TSAN_BIN)
	@RUN="$$(setarch -R true 2>/dev/null && echo setarch -R)" \
		tests/tools/run-checks $(TSAN_BIN)

valgrind: $(CHECK_BIN) $(PLUGINS) ## the unit tests under valgrind
	@PRUN_TEST_PLUGINS=$(BUILD)/tests/plugins tests/tools/run-valgrind $(CHECK_BIN)

coverage: ## lines of lib/ that the tests reach
	@+$(call TESTS_WITH,coverage,-O0 -g,--coverage -fprofile-update=atomic) check-both
	gcovr --root . --object-directory $(BUILD)/coverage --filter 'lib/' \
		--gcov-ignore-parse-errors --print-summary

lint: ## clang-tidy, cppcheck, shellcheck, and both compilers with -Werror
	@tests/tools/lint

format: ## clang-format all C files
	@tests/tools/format -i

# ---------------------------------------------------------------- installation

MAN1 := $(wildcard docs/man/*.1)
MAN3 := $(wildcard docs/man/*.3)

# Names with blanks are one name.
TO_BIN  = "$(DESTDIR)$(BINDIR)"
TO_LIB  = "$(DESTDIR)$(LIBDIR)"
TO_INC  = "$(DESTDIR)$(INCLUDEDIR)"
TO_MAN  = "$(DESTDIR)$(MANDIR)"
TO_BASH = "$(DESTDIR)$(BASHDIR)"
TO_ZSH  = "$(DESTDIR)$(ZSHDIR)"
TO_FISH = "$(DESTDIR)$(FISHDIR)"
# The program's name in a text, where it is a word, or a shell function's; not
# in a file's name, as in prun.h.
RENAMED = sed -E 's/(^|[^[:alnum:]/_])prun(\.[[:alpha:]])/\1@\2/g; \
	s/(^|[^[:alnum:]/])(_?)prun\>/\1\2$(PROGRAM)/g; \
	s/(^|[^[:alnum:]/_])@(\.[[:alpha:]])/\1prun\2/g; \
	/^\.Dt /s/PRUN/\U$(PROGRAM)/'
renamed = $$(echo $(1) | sed 's/^prun/$(PROGRAM)/')

install: all ## install to DESTDIR/PREFIX
	install -d $(TO_BIN) $(TO_LIB)/pkgconfig $(TO_INC) $(TO_MAN)/man1 \
		$(TO_MAN)/man3 $(TO_BASH) $(TO_ZSH) $(TO_FISH)
	install -m 755 $(PRUN) $(TO_BIN)/$(PROGRAM)
	install -m 644 lib/prun.h lib/prun_msgpack.h $(TO_INC)
	install -m 644 $(STATIC) $(TO_LIB)
	install -m 755 $(SHARED) $(TO_LIB)
	ln -sf $(notdir $(SHARED)) $(TO_LIB)/$(SONAME)
	ln -sf $(SONAME) $(TO_LIB)/libprun.so
	install -m 644 $(BUILD)/libprun.pc $(TO_LIB)/pkgconfig
	install -m 644 $(MAN3) $(TO_MAN)/man3
	@for page in $(MAN1); do \
		$(RENAMED) $$page > $(TO_MAN)/man1/$(call renamed,$$(basename $$page)) || exit 1; \
	done
	$(PRUN) completion bash | $(RENAMED) > $(TO_BASH)/$(PROGRAM)
	$(PRUN) completion zsh | $(RENAMED) > $(TO_ZSH)/_$(PROGRAM)
	$(PRUN) completion fish | $(RENAMED) > $(TO_FISH)/$(PROGRAM).fish

uninstall: ## remove what install put there
	rm -f $(TO_BIN)/$(PROGRAM) $(TO_LIB)/libprun.a $(TO_LIB)/libprun.so \
		$(TO_LIB)/$(SONAME) $(TO_LIB)/$(notdir $(SHARED)) \
		$(TO_LIB)/pkgconfig/libprun.pc $(TO_INC)/prun.h \
		$(TO_INC)/prun_msgpack.h \
		$(addprefix $(TO_MAN)/man1/,$(patsubst prun%,$(PROGRAM)%,$(notdir $(MAN1)))) \
		$(TO_BASH)/$(PROGRAM) $(TO_ZSH)/_$(PROGRAM) \
		$(TO_FISH)/$(PROGRAM).fish \
		$(addprefix $(TO_MAN)/man3/,$(notdir $(MAN3)))

deb: ## build Debian packages; PROGRAM is the name of the first, too
	@BUILD=$(BUILD) PROGRAM=$(PROGRAM) tests/tools/deb

clean: ## remove build/
	rm -rf $(BUILD)

-include $(LIB_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(CHECK_BIN:=.d) $(HELP_OBJ:.o=.d) \
	$(FUZZ_BIN:=.d)
