#!/bin/sh
# SPDX-License-Identifier: MIT
# clang-tidy over every C source with the flags of its toolset: tools/tidy.sh [FILE...]. The rules are in .clang-tidy.
set -eu
cd "$(dirname "$0")/.."
flags() { make -s "print-$1"; }

run() { # FLAGS FILES...
    words=$1
    shift
    [ $# -gt 0 ] || return 0
    # shellcheck disable=SC2086 # a list of words
    printf '%s\n' "$@" | xargs -P "$(nproc)" -n 4 sh -c 'words=$1; shift; clang-tidy-19 --quiet "$@" -- $words 2>/dev/null' sh "$words"
}

common=$(flags COMMON)
if [ $# -gt 0 ]; then
    run "$common $(flags KFLAGS) $(flags KFLAGS.release)" "$@"
    exit
fi
# shellcheck disable=SC2046 # lists of words
{
    run "$common $(flags KFLAGS) $(flags KFLAGS.release)" $(flags KSRC | tr ' ' '\n' | grep '\.c$')
    run "$common $(flags EFLAGS)" $(flags src.boot/uefi)
    run "$common $(flags UFLAGS)" $(flags src.user/lib) $(flags src.user/gaia)
    run "$common -D_GNU_SOURCE" $(git ls-files 'tools/*.c')
}
