#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the tree against docs/layers.txt: layers.py [--self-test]

Refused: an include that is not declared; a folder declared below one it uses (so: cycles); a folder using one of a wrong
toolset (a pure folder using a kernel one); a quoted include that leaves its folder; another folder's _impl.h; a folder with
C sources and no line; conditional compilation in shared code (CONFIG_ words alone, in kernel/base, are allowed).
"""
import os
import re
import sys
import tempfile

MAY_USE = {"pure": {"pure"}, "efi": {"pure", "efi"}, "kernel": {"pure", "kernel"}, "user": {"pure", "user"},
           "host": {"pure", "host"}, "guest": {"guest", "pure"}}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
CONDITION = re.compile(r"^\s*#\s*(?:el)?if(?:n?def)?\b(.*)")
MOVED = {}  # header: the folder whose layer it counts to
LINE = re.compile(r"(\S+)\s+\[(\w+)\]\s*:(.*)")


def read_layers(root, errors):
    """({folder: toolset}, {folder: folders it may include})"""
    toolsets, edges, groups = {}, {}, {}
    for number, line in enumerate(open(os.path.join(root, "docs/layers.txt"), encoding="utf-8"), 1):
        line, where = line.split("#")[0].strip(), f"docs/layers.txt:{number}"
        if line.startswith("@"):
            name, _, words = line.partition("=")
            groups[name.strip()] = words.split()
            continue
        if " -> " in line:
            header, folder = line.split(" -> ")
            MOVED[header.strip()] = folder.strip()
            continue
        match = LINE.fullmatch(line)
        if not match:
            errors += [f"{where}: not understood"] if line else []
            continue
        folder, toolset, words = match.groups()
        allowed = []
        for word in words.split():
            if word.startswith("*"):
                allowed += [f for f, t in toolsets.items() if t == word[1:]]
            else:
                allowed += groups.get(word, [word])
        for other in allowed:
            if other not in toolsets:
                errors.append(f"{where}: {folder} uses {other}, which is not declared above it")
            elif toolsets[other] not in MAY_USE.get(toolset, ()):
                errors.append(f"{where}: {folder} [{toolset}] must not use {other} [{toolsets[other]}]")
        toolsets[folder], edges[folder] = toolset, set(allowed) | {folder}
    return toolsets, edges


def folder_of(path, toolsets):
    folder = MOVED.get(path, os.path.dirname(path))
    return folder if folder in toolsets else "abi" if folder.startswith("abi/") else None


def check_include(root, path, folder, match, toolsets, edges):
    quoted, target = match.group(1) == '"', match.group(2)
    if quoted:
        return f'"{target}" leaves its folder' if "/" in target else None
    if not os.path.exists(os.path.join(root, target)):
        return None  # the compiler's or the C library's
    other = folder_of(target, toolsets)
    if target.endswith("_impl.h"):
        return f"<{target}> is private"
    return None if other in edges[folder] else f"{folder} may not include <{target}>"


def check_condition(folder, toolset, condition):
    words = set(re.findall(r"[A-Za-z_]\w*", condition)) - {"defined"}
    if toolset not in ("pure", "kernel", "efi") or (folder == "kernel/base" and all(w.startswith("CONFIG_") for w in words)):
        return None
    return f"conditional compilation on{condition}: use a hook, or if () on a constant"


def check_file(root, path, toolsets, edges, errors):
    folder = folder_of(path, toolsets)
    if not folder:
        errors.append(f"{path}: its folder has no line in docs/layers.txt")
        return
    for number, line in enumerate(open(os.path.join(root, path), encoding="utf-8"), 1):
        include, condition, error = INCLUDE.match(line), CONDITION.match(line), None
        if include:
            error = check_include(root, path, folder, include, toolsets, edges)
        elif condition:
            error = check_condition(folder, toolsets[folder], condition.group(1))
        if error:
            errors.append(f"{path}:{number}: {error}")


def check_tree(root):
    errors = []
    toolsets, edges = read_layers(root, errors)
    for parent, directories, files in os.walk(root):
        directories[:] = [d for d in directories if not d.startswith(".") and d != "build"]
        for name in sorted(files):
            if name.endswith((".c", ".h", ".S", ".def")):
                check_file(root, os.path.relpath(os.path.join(parent, name), root), toolsets, edges, errors)
    return errors


def main():
    if "--self-test" in sys.argv:
        import layers_test
        sys.exit(layers_test.run(check_tree, tempfile.TemporaryDirectory))
    errors = check_tree(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    print("\n".join(errors + [f"layers: {len(errors)} errors"]))
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
