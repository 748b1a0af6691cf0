# SPDX-License-Identifier: MIT
# The only makefile. docs/layers.txt names the folders and their toolset; build.mk in a folder lists its files:
#   src := a.c b.S        objects of the folder
#   test := a_test.c      host unit tests (pure, tools and tests/unit folders)
#   fuzz := a_fuzz.c      libFuzzer targets (pure folders)
#   bin := name           user and tools folders: the program(s); name-src := … lists more than one apart
# make V=1 shows commands. CONFIG=release|debug|kasan picks the kernel.

MAKEFLAGS += -rR --no-print-directory
.DELETE_ON_ERROR:
.SECONDARY:
B ?= build
CONFIG ?= release
Q := $(if $(V),,@)
CC := $(CCACHE) clang-19
LD := ld.lld-19

FOLDERS := $(shell awk '$$2 ~ /^\[/ {print $$1}' docs/layers.txt)
toolset = $(shell awk '$$1 == "$(1)" {gsub(/[][]/,"",$$2); print $$2}' docs/layers.txt)
define read_folder
src :=
test :=
fuzz :=
bin :=
-include $(1)/build.mk
src.$(1) := $$(addprefix $(1)/,$$(src))
test.$(1) := $$(addprefix $(1)/,$$(test))
fuzz.$(1) := $$(addprefix $(1)/,$$(fuzz))
bin.$(1) := $$(bin)
$(call toolset,$(1)) += $(1)
endef
$(foreach f,$(FOLDERS),$(eval $(call read_folder,$(f))))

WARN := -Wall -Wextra -Werror -Wshadow -Wvla -Wundef -Wcast-qual -Wmissing-prototypes \
  -Wmissing-variable-declarations -Wimplicit-fallthrough -Wassign-enum -Wenum-conversion -Wconversion \
  -Wno-sign-conversion -Wframe-larger-than=1024 -Wthread-safety -Wthread-safety-beta -Wnoderef
COMMON := -std=c23 -I. $(WARN) -fstrict-flex-arrays=3 -ftrivial-auto-var-init=zero -fno-strict-aliasing \
  -g -MMD -MP -fdebug-prefix-map=$(CURDIR)=. -fmacro-prefix-map=$(CURDIR)/=

# ---- kernel -------------------------------------------------------------------------------------
K := $(B)/kernel-$(CONFIG)
KFLAGS := --target=x86_64-linux-gnu -ffreestanding -nostdlibinc -O2 -fPIE -fvisibility=hidden -mno-red-zone \
  -mgeneral-regs-only -fno-omit-frame-pointer -fstack-protector-strong -mstack-protector-guard=global \
  -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections
KFLAGS.release := -DCONFIG_DEBUG=0 -DCONFIG_KASAN=0
KFLAGS.debug := -DCONFIG_DEBUG=1 -DCONFIG_KASAN=0 -fsanitize=undefined -fno-sanitize=function -Wframe-larger-than=2048
KFLAGS.kasan := -DCONFIG_DEBUG=1 -DCONFIG_KASAN=1 -Wframe-larger-than=4096 -fsanitize=kernel-address \
  -mllvm -asan-mapping-offset=0xdffffc0000000000 -mllvm -asan-instrumentation-with-call-threshold=0 \
  -mllvm -asan-stack=1 -mllvm -asan-globals=0 -mllvm -asan-max-inline-poisoning-size=0
# Sources that must run before the sanitizers' world exists list themselves in `nosan` of their build.mk.
KSAN_OFF := -fno-sanitize=all -fno-stack-protector
KSRC := $(foreach f,$(pure) $(kernel),$(src.$(f)))
KOBJ := $(patsubst %,$(K)/%.o,$(KSRC))
$(K)/%.c.o: %.c
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC $(CONFIG) $<")
	$(Q)$(CC) $(COMMON) $(KFLAGS) $(KFLAGS.$(CONFIG)) $(if $(filter $<,$(nosan)),$(KSAN_OFF)) -c $< -o $@
$(K)/%.S.o: %.S
	@mkdir -p $(@D)
	$(Q)$(CC) --target=x86_64-linux-gnu -I. -I$(B) -g -MMD -MP -c $< -o $@
# The console's font comes from Debian's package `unifont`.
UNIFONT := /usr/share/unifont/unifont.hex
$(B)/font.bin: tools/font.py $(UNIFONT)
	@mkdir -p $(@D)
	$(Q)python3 tools/font.py $(UNIFONT) $@
$(K)/drivers/tty/font.S.o: $(B)/font.bin
KLD := arch/x86_64/kernel.ld
$(K)/hornet.pre: $(KOBJ) $(KLD)
	$(Q)$(LD) -pie --no-dynamic-linker -z text -z max-page-size=4096 --gc-sections --build-id=sha1 -T $(KLD) $(KOBJ) -o $@
# The symbol table for backtraces is made from a first link and put into the second, which has the same layout.
$(K)/symtab.S: $(K)/hornet.pre tools/symtab.py
	$(Q)python3 tools/symtab.py $< $@
$(K)/hornet.elf: $(KOBJ) $(KLD) $(K)/symtab.S
	$(Q)$(CC) --target=x86_64-linux-gnu -c $(K)/symtab.S -o $(K)/symtab.o
	@echo "  LD $@"
	$(Q)$(LD) -pie --no-dynamic-linker -z text -z max-page-size=4096 --gc-sections --build-id=sha1 -T $(KLD) $(KOBJ) $(K)/symtab.o -o $@
	$(Q)python3 tools/symtab.py $@ $(K)/symtab.check && cmp $(K)/symtab.S $(K)/symtab.check
$(K)/hornet: $(K)/hornet.elf
	$(Q)llvm-strip-19 -g $< -o $@
.PHONY: kernel
kernel: $(K)/hornet

# ---- loader -------------------------------------------------------------------------------------
EFLAGS := --target=x86_64-unknown-windows -ffreestanding -fshort-wchar -mno-red-zone -mno-sse -mgeneral-regs-only -O2 \
  -mno-stack-arg-probe -fno-stack-protector
EOBJ := $(patsubst %,$(B)/efi/%.o,$(foreach f,$(efi) lib lib/elf lib/paging,$(filter %.c,$(src.$(f)))))
$(B)/efi/%.c.o: %.c
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC efi $<")
	$(Q)$(CC) $(COMMON) $(EFLAGS) -c $< -o $@
$(B)/BOOTX64.EFI: $(EOBJ)
	@echo "  LD $@"
	$(Q)lld-link-19 /subsystem:efi_application /entry:efi_main /nodefaultlib /Brepro /out:$@ $(EOBJ)
.PHONY: loader
loader: $(B)/BOOTX64.EFI

# ---- user programs: static, against Debian's musl ------------------------------------------------
MUSL := /usr/lib/x86_64-linux-musl
UFLAGS := -Wframe-larger-than=16384 --target=x86_64-linux-musl -O2 -nostdlibinc -isystem /usr/include/x86_64-linux-musl -D_GNU_SOURCE -fPIE
ULINK = $(LD) -static -pie --no-dynamic-linker -z max-page-size=4096 $(MUSL)/rcrt1.o $(MUSL)/crti.o $(1) --start-group -L$(MUSL) -lc $(shell clang-19 --print-resource-dir)/lib/linux/libclang_rt.builtins-x86_64.a --end-group $(MUSL)/crtn.o
$(B)/user/%.c.o: %.c
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC user $<")
	$(Q)$(CC) $(COMMON) $(UFLAGS) -Wno-conversion -c $< -o $@
ULIB := $(patsubst %,$(B)/user/%.o,$(src.user/lib))
define user_program
$(B)/user/bin/$(bin.$(1)): $(patsubst %,$(B)/user/%.o,$(src.$(1))) $(ULIB)
	@mkdir -p $$(@D)
	@echo "  LD $$@"
	$(Q)$$(call ULINK,$$^) -o $$@
UBIN += $(B)/user/bin/$(bin.$(1))
endef
$(foreach f,$(user),$(if $(bin.$(f)),$(eval $(call user_program,$(f)))))
.PHONY: user
user: $(UBIN)

# ---- host: tools (optimised) and tests (sanitized) from the same sources --------------------------
HFLAGS.tool := -O2 -D_GNU_SOURCE
HFLAGS.test := -O1 -D_GNU_SOURCE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -Wframe-larger-than=65536
HFLAGS.fuzz := -O1 -D_GNU_SOURCE -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all -Wframe-larger-than=65536
define host_rules
$(B)/$(1)/%.c.o: %.c
	@mkdir -p $$(@D)
	$(if $(Q),@echo "  CC $(1) $$<")
	$(Q)$$(CC) $$(COMMON) $$(HFLAGS.$(1)) -c $$< -o $$@
$(B)/$(1)/libpure.a: $(patsubst %,$(B)/$(1)/%.o,$(filter %.c,$(foreach f,$(pure),$(src.$(f)))))
	$(Q)rm -f $$@ && llvm-ar-19 rcs $$@ $$^
endef
$(foreach c,tool test fuzz,$(eval $(call host_rules,$(c))))
# A tools folder: src are parts shared by its programs, bin its programs, each from <bin>.c
TOOLPARTS = $(patsubst %,$(B)/$(1)/%.o,$(foreach f,$(host),$(src.$(f))))
define tool_program
$(B)/tools/$(1): $(B)/tool/tools/$(1).c.o $(call TOOLPARTS,tool) $(B)/tool/libpure.a
	@mkdir -p $$(@D)
	@echo "  LD $$@"
	$(Q)$$(CC) $$^ -o $$@
TBIN += $(B)/tools/$(1)
endef
$(foreach b,$(bin.tools),$(eval $(call tool_program,$(b))))
.PHONY: tools
tools: $(TBIN)
define unit_test
$(B)/tests/$(basename $(1)): $(B)/test/$(1).o $(call TOOLPARTS,test) $(B)/test/libpure.a
	@mkdir -p $$(@D)
	$(Q)$$(CC) -fsanitize=address,undefined $$^ -lcmocka -o $$@
UNIT += $(B)/tests/$(basename $(1))
endef
$(foreach f,$(pure) $(host),$(foreach t,$(test.$(f)),$(eval $(call unit_test,$(t)))))
define fuzz_target
$(B)/fuzz/bin/$(notdir $(basename $(1))): $(B)/fuzz/$(1).o $(B)/fuzz/libpure.a
	@mkdir -p $$(@D)
	$(Q)$$(CC) -fsanitize=address,undefined,fuzzer $$^ -o $$@
FUZZ += $(B)/fuzz/bin/$(notdir $(basename $(1)))
endef
$(foreach f,$(pure),$(foreach t,$(fuzz.$(f)),$(eval $(call fuzz_target,$(t)))))
.PHONY: unit fuzz
unit: $(UNIT)
fuzz: $(FUZZ)
print-%: ; @echo $($*)

.PHONY: clean
clean: ; rm -rf $(B)
-include $(shell find $(B) -name '*.d' 2>/dev/null)
