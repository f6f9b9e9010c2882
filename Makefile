# SPDX-License-Identifier: GPL-2.0-only
#
# Everything is built under build/: the modules in build/modules/RELEASE, a
# folder of links to the sources, so that one clone serves many kernels.

OBJCOPY ?= objcopy
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
	@echo 'make install-lazymem, make uninstall-lazymem'
	@echo '                the same for the page server: program, library, header, manual page'
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
#
# SANITIZE=address or SANITIZE=thread builds with gcc's sanitizers, in a folder of its own.
# WERROR=-Werror is for developers; ./run passes it.
CFLAGS ?= -O2 -g
SANITIZE ?=
out = build$(SANITIZE:%=/sanitize/%)
sanitize_address = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
sanitize_thread = -fsanitize=thread
compile = $(CC) $(CFLAGS) $(sanitize_$(SANITIZE)) -pthread
program_flags = -std=gnu11 -D_GNU_SOURCE -Wall -Wextra $(WERROR) -Wno-unused-parameter -Wno-missing-field-initializers -Ikernel/include/uapi -Ilib $(program_includes)
folders = $(wildcard tests bench demo/populate demo/restore)
names_tests = hmmu-test
names_demo/populate = hmmu-demo
names_bench = hmmu-bench
names_demo/restore = hmmu-restore
lazymem_libraries = -luring -lnbd
link_tests = -static
parts_tests = $(patsubst %/,%,$(wildcard tests/*/))
link_demo/populate = $(out)/liblazymem.a $(lazymem_libraries)
link_bench = -static
link_demo/restore = $(link_demo/populate)
parts_demo/populate = demo
parts_demo/restore = demo

.PHONY: programs
programs: $(foreach folder,$(folders),$(out)/programs/$(names_$(folder))) $(out)/tsc

objects = $(patsubst %.c,$(out)/objects/%.o,$(wildcard $(addsuffix /*.c,$(1))))

define program_rule
$(out)/programs/$(names_$(1)): $(call objects,$(1) $(parts_$(1))) $(out)/lib.a $(filter %.a,$(link_$(1)))
	@mkdir -p $$(@D)
	$(compile) $(LDFLAGS) -o $$@ $$^ $(filter -%,$(link_$(1)))
endef
$(foreach folder,$(folders),$(eval $(call program_rule,$(folder))))

$(out)/objects/tests/%: program_includes = -Itests -Itests/support

# For ./run, which runs it on the host.
$(out)/tsc: vm/tsc.c
	@mkdir -p $(@D)
	$(compile) $(program_flags) $(LDFLAGS) -o $@ $<

$(out)/lib.a: $(call objects,lib)
	rm -f $@
	$(AR) rcs $@ $^

# The page server: a library, the program, and its tests, which run on the machine that
# builds them, or wherever the libraries are.
#
# The library's only symbols are those of lazymem.h: the header makes them visible, the
# compiler hides all others, and the static library is one object in which hidden symbols
# are local. (Code for link-time optimization has no symbols to hide.) The tests look behind
# the header, so they are linked with the objects.
$(out)/objects/lazymem/% $(out)/objects/demo/%: program_includes = -Idemo -Ilazymem
$(out)/objects/lazymem/% $(out)/objects/lib/uffd.o: library_flags = -fPIC -fvisibility=hidden -fno-lto
library_objects = $(call objects,lazymem) $(out)/objects/lib/uffd.o
soname = liblazymem.so.0

.PHONY: lazymem
lazymem: $(out)/programs/lazymem $(out)/programs/lazymem-test $(out)/liblazymem.so

$(out)/liblazymem.o: $(library_objects)
	$(LD) -r -o $@ $^
	$(OBJCOPY) --localize-hidden $@

$(out)/liblazymem.a: $(out)/liblazymem.o
	rm -f $@
	$(AR) rcs $@ $^

$(out)/$(soname): $(library_objects)
	$(compile) $(LDFLAGS) -shared -Wl,-soname,$(soname) -Wl,-z,defs -o $@ $^ $(lazymem_libraries)

$(out)/liblazymem.so: $(out)/$(soname)
	ln -sf $(soname) $@

# Of the package, with the commit if it is known. Written only if it has changed.
$(out)/version.h: FORCE
	@mkdir -p $(@D)
	@version="$$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$$/\1/p' dkms.conf)"; \
	commit="$$(git describe --always --dirty 2>/dev/null)"; \
	echo "#define LAZYMEM_VERSION \"$$version$${commit:+ ($$commit)}\"" >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
FORCE:

$(out)/objects/lazymem/tool/help.o: $(out)/version.h
$(out)/objects/lazymem/tool/%: program_includes = -Ilazymem -I$(out)

$(out)/programs/lazymem: $(call objects,lazymem/tool) $(addprefix $(out)/objects/lib/,fail.o number.o) $(out)/liblazymem.a
$(out)/programs/lazymem-test: $(call objects,lazymem/test) $(addprefix $(out)/objects/lib/,harness.o knob.o content.o fail.o number.o) $(library_objects)
$(out)/programs/lazymem $(out)/programs/lazymem-test:
	@mkdir -p $(@D)
	$(compile) $(LDFLAGS) -o $@ $^ $(lazymem_libraries) -ljson-c

$(out)/objects/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(compile) $(CPPFLAGS) $(program_flags) $(library_flags) -MMD -MP -c -o $@ $<

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

# What `make lazymem` has built. LIBDIR is for systems with a folder for each architecture.
LIBDIR ?= $(PREFIX)/lib
version := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"$$/\1/p' dkms.conf)
prefix = $(DESTDIR)$(PREFIX)
libdir = $(DESTDIR)$(LIBDIR)
unitdir = $(prefix)/lib/systemd/system

.PHONY: install-lazymem
install-lazymem:
	@test -e build/$(soname) -a -e build/programs/lazymem || { echo "first run: make lazymem"; exit 1; } >&2
	install -D -m 755 build/programs/lazymem $(prefix)/bin/lazymem
	install -D -m 644 lazymem/lazymem.h $(prefix)/include/lazymem.h
	install -D -m 644 build/liblazymem.a $(libdir)/liblazymem.a
	install -D -m 644 build/$(soname) $(libdir)/$(soname)
	ln -sf $(soname) $(libdir)/liblazymem.so
	install -D -m 644 lazymem/tool/lazymem.1 $(prefix)/share/man/man1/lazymem.1
	install -d $(libdir)/pkgconfig $(unitdir)
	sed 's|/usr/bin|$(PREFIX)/bin|' lazymem/tool/lazymem@.service >$(unitdir)/lazymem@.service
	sed 's|@PREFIX@|$(PREFIX)|;s|@LIBDIR@|$(LIBDIR)|;s|@VERSION@|$(version)|' \
		lazymem/lazymem.pc.in >$(libdir)/pkgconfig/lazymem.pc

.PHONY: uninstall-lazymem
uninstall-lazymem:
	rm -f $(prefix)/bin/lazymem $(prefix)/include/lazymem.h \
		$(prefix)/share/man/man1/lazymem.1 $(libdir)/liblazymem.a \
		$(libdir)/$(soname) $(libdir)/liblazymem.so $(libdir)/pkgconfig/lazymem.pc \
		$(unitdir)/lazymem@.service

.PHONY: clean
clean:
	rm -rf build
