# SPDX-License-Identifier: GPL-2.0-only
#
# Everything is built under build/: the modules in build/modules/RELEASE, a
# folder of links to the sources, so that one clone serves many kernels.

KDIR ?= /lib/modules/$(shell uname -r)/build
PREFIX ?= /usr

release := $(shell sed -n 's/^.define UTS_RELEASE "\(.*\)"$$/\1/p' \
	$(KDIR)/include/generated/utsrelease.h 2>/dev/null)
tree = $(CURDIR)/build/modules/$(release)
sources = $(CURDIR)/kernel/.

.PHONY: help
help:
	@echo 'make modules    build the modules for the kernel of KDIR'
	@echo 'make programs   build the user programs (liburing-dev, libnbd-dev)'
	@echo 'make lazymem    build the page server (liburing-dev, libnbd-dev, libjson-c-dev)'
	@echo 'make install    install hmm_unlocked.ko and what drivers need to use it'
	@echo 'make uninstall  remove what install put there'
	@echo 'make clean      remove build/'
	@echo
	@echo 'KDIR=$(KDIR)'

.PHONY: headers
headers:
	@test -n "$(release)" || { echo "no kernel headers in KDIR=$(KDIR)"; exit 1; } >&2

.PHONY: modules
modules: headers
	mkdir -p $(tree)
	cp -rsf $(sources) $(tree)
	find $(tree) -xtype l -delete
	$(MAKE) -C $(KDIR) M=$(tree) modules

# User programs: each is made of its folder's sources and of what it takes of lib/. The
# demonstrations share demo/*.c and contain the page server of lazymem/, so they need its
# libraries; the others are static. The guest tests have a folder for each subject.
CFLAGS ?= -O2 -g
program_flags = -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -Werror -pthread -Ikernel/include/uapi -Ilib $(program_includes)
folders = $(wildcard tests bench demo/populate demo/restore)
names_tests = hmmu-test
names_demo/populate = hmmu-demo
names_bench = hmmu-bench
names_demo/restore = hmmu-restore
lazymem_libraries = -luring -lnbd
link_tests = -static
parts_tests = $(patsubst %/,%,$(wildcard tests/*/))
link_demo/populate = build/liblazymem.a $(lazymem_libraries)
link_bench = -static
link_demo/restore = $(link_demo/populate)
parts_demo/populate = demo
parts_demo/restore = demo

.PHONY: programs
programs: $(foreach folder,$(folders),build/programs/$(names_$(folder)))

objects = $(patsubst %.c,build/objects/%.o,$(wildcard $(addsuffix /*.c,$(1))))

define program_rule
build/programs/$(names_$(1)): $(call objects,$(1) $(parts_$(1))) build/lib.a $(filter %.a,$(link_$(1)))
	@mkdir -p $$(@D)
	$(CC) $(CFLAGS) -pthread $(LDFLAGS) -o $$@ $$^ $(filter -%,$(link_$(1)))
endef
$(foreach folder,$(folders),$(eval $(call program_rule,$(folder))))

build/objects/tests/%: program_includes = -Itests -Itests/support

build/lib.a: $(call objects,lib)
	rm -f $@
	$(AR) rcs $@ $^

# The page server. Its tests run on the machine that builds them, or wherever the libraries
# are.
build/objects/lazymem/% build/objects/demo/%: program_includes = -Idemo -Ilazymem

.PHONY: lazymem
lazymem: build/programs/lazymem build/programs/lazymem-test

build/liblazymem.a: $(call objects,lazymem) build/objects/lib/uffd.o
	rm -f $@
	$(AR) rcs $@ $^

build/programs/lazymem: $(call objects,lazymem/tool) $(addprefix build/objects/lib/,fail.o number.o) build/liblazymem.a
build/programs/lazymem-test: $(call objects,lazymem/test) $(addprefix build/objects/lib/,harness.o knob.o content.o fail.o number.o) build/liblazymem.a
build/programs/lazymem build/programs/lazymem-test:
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -pthread $(LDFLAGS) -o $@ $^ $(lazymem_libraries) -ljson-c

build/objects/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(program_flags) -MMD -MP -c -o $@ $<

-include $(patsubst %.o,%.d,$(call objects,lib lazymem lazymem/tool lazymem/test demo $(parts_tests) $(folders)))

# The modules for tests are not installed. A driver builds against
# the header and the symbol versions. Root installs but does not build, lest
# build/ becomes root's.
export PATH := $(PATH):/usr/sbin:/sbin
root = $(DESTDIR)$(INSTALL_MOD_PATH)
module = $(root)/lib/modules/$(release)/updates/hmm_unlocked.ko
driver_files = $(DESTDIR)$(PREFIX)/src/hmm-unlocked-headers

.PHONY: install
install: headers
	@test -e $(tree)/hmm_unlocked.ko || { echo "first run: make modules KDIR=$(KDIR)"; exit 1; } >&2
	install -D -m 644 $(tree)/hmm_unlocked.ko $(module)
	install -D -m 644 -t $(driver_files)/include/linux \
		kernel/include/linux/hmm_unlocked.h kernel/include/linux/hmmu_mirror.h \
		kernel/include/linux/hmmu_memory.h
	install -D -m 644 -t $(driver_files)/include/uapi \
		kernel/include/uapi/hmm_unlocked_counters.h \
		kernel/include/uapi/hmmu_mirror_counters.h
	install -D -m 644 $(tree)/Module.symvers $(driver_files)/$(release)/Module.symvers
	depmod -b $(or $(root),/) $(release)

.PHONY: uninstall
uninstall: headers
	rm -rf $(module) $(driver_files)
	depmod -b $(or $(root),/) $(release)

.PHONY: clean
clean:
	rm -rf build
