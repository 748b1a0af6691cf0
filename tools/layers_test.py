# SPDX-License-Identifier: MIT
"""Good and bad trees for layers.py --self-test: each bad one differs from the good one in one place."""
import os

GOOD = {
    "docs/layers.txt": "# comment\nabi [pure] :\nlib [pure] : abi\n@core = lib abi\nkernel/base [kernel] : @core\n"
                       "vfs [kernel] : @core kernel/base\nkernel/init [kernel] : *kernel\ntests/linux [guest] :\nlib/types.h -> abi\n",
    "abi/errors.h": "#pragma once\n#include <abi/errors.def>\n",
    "abi/errors.def": "ERR(X)\n",
    "abi/disk/a.h": "#include <abi/errors.h>\n#include <lib/types.h>\n",
    "lib/types.h": "#include <abi/errors.h>\n",
    "lib/x.h": "#include <stddef.h>\n#include <abi/disk/a.h>\n",
    "lib/x_impl.h": "",
    "lib/x.c": '#include "x_impl.h"\n#include <lib/x.h>\n',
    "kernel/base/log.h": "#include <lib/x.h>\n#if CONFIG_DEBUG\n#endif\n",
    "vfs/walk.c": "#include <kernel/base/log.h>\n",
    "kernel/init/main.c": "#include <vfs/node.h>\n",
    "vfs/node.h": "",
    "tests/linux/a.c": "#include <stdio.h>\n#ifdef O_TMPFILE\n#endif\n",
}
LAYERS = GOOD["docs/layers.txt"]
BAD = {  # what is wrong: (file, text, part of the message)
    "undeclared edge": ("lib/x.c", "#include <kernel/base/log.h>\n", "may not include"),
    "edge upwards": ("kernel/base/log.h", "#include <vfs/node.h>\n", "may not include"),
    "moved header goes up": ("lib/types.h", "#include <lib/x.h>\n", "may not include"),
    "cycle": ("docs/layers.txt", LAYERS.replace("kernel/base [kernel] : @core", "kernel/base [kernel] : @core vfs"),
              "not declared above"),
    "pure uses kernel": ("docs/layers.txt", LAYERS + "fs [pure] : kernel/base\n", "must not use"),
    "quoted path": ("vfs/walk.c", '#include "../lib/x.h"\n', "leaves its folder"),
    "private header": ("vfs/walk.c", "#include <lib/x_impl.h>\n", "is private"),
    "folder without a line": ("fs/odd/a.c", "", "has no line"),
    "subfolder without a line": ("vfs/sub/a.c", "", "has no line"),
    "environment": ("lib/x.c", "#ifdef __KERNEL__\n", "conditional compilation"),
    "environment by if": ("lib/x.c", "#if defined(UNIT_TEST)\n", "conditional compilation"),
    "configuration elsewhere": ("vfs/walk.c", "#if CONFIG_DEBUG\n", "conditional compilation"),
    "environment in base": ("kernel/base/log.h", "#if CONFIG_X && defined(HOST)\n", "conditional compilation"),
    "guest uses kernel": ("tests/linux/a.c", "#include <lib/x.h>\n", "may not include"),
    "garbage line": ("docs/layers.txt", LAYERS + "what is this\n", "not understood"),
}


def errors_of(check_tree, temporary_directory, tree):
    with temporary_directory() as root:
        for path, text in tree.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as out:
                out.write(text)
        return check_tree(root)


def run(check_tree, temporary_directory):
    failed = [f"good tree: {e}" for e in errors_of(check_tree, temporary_directory, GOOD)]
    for name, (path, text, message) in BAD.items():
        errors = errors_of(check_tree, temporary_directory, {**GOOD, path: text})
        if len(errors) != 1 or message not in errors[0]:
            failed.append(f"{name}: {errors or 'not seen'}")
    print("\n".join(failed + [f"layers self-test: {len(BAD) + 1 - len(failed)} passed, {len(failed)} failed"]))
    return 1 if failed else 0
