// SPDX-License-Identifier: MIT
// A plugin for QEMU that counts the instructions a guest with one CPU executes: -plugin
// FILE.so,out=FILE Debian's QEMU has the plugin interface but no header for it, so the few
// functions used are declared here. Source: QEMU manual, "QEMU TCG Plugins"; interface version 1.
#include <lib/types.h>
#include <stdio.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
constexpr int ADD_U64 = 0;

extern void qemu_plugin_register_vcpu_tb_trans_cb(u64 id,
                                                  void (*fn)(u64 id, struct qemu_plugin_tb *tb));
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb,
                                                        size_t idx);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op,
                                                       void *counter, u64 value);
extern void qemu_plugin_register_atexit_cb(u64 id, void (*fn)(u64 id, void *arg), void *arg);
extern int qemu_plugin_version;
int qemu_plugin_install(u64 id, const void *info, int argc, char **argv);

int qemu_plugin_version = 1;

static u64 executed;
static char path[4096];

static void translated(u64 id, struct qemu_plugin_tb *tb) {
    unused_arg(id);
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        qemu_plugin_register_vcpu_insn_exec_inline(qemu_plugin_tb_get_insn(tb, i), ADD_U64,
                                                   &executed, 1);
    }
}

static void ended(u64 id, void *arg) {
    unused_arg(id);
    unused_arg(arg);
    FILE *out = fopen(path, "w");
    if (out != nullptr) {
        (void)fprintf(out, "%lu\n", executed);
        (void)fclose(out);
    }
}

int qemu_plugin_install(u64 id, const void *info, int argc, char **argv) {
    unused_arg(info);
    if (argc != 1 || strncmp(argv[0], "out=", 4) != 0 || strlen(argv[0]) >= sizeof(path)) {
        return 1;
    }
    strcpy(path, argv[0] + 4);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, nullptr);
    return 0;
}
