#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs programs one by one, each in a fresh empty directory, the same way on Linux and in Hornet:
#   busybox sh guest.sh LABEL SCRATCH PROGRAM...
# Marker lines separate the outputs; the harness reads them. A program that hangs is killed, so the others still run.
busybox=/bin/busybox
label=$1
base=$2
shift 2
umask 022
mkdir -p "$base"
for program; do
    name=${program##*/}
    rm -rf "$base/dir"
    mkdir "$base/dir"
    cd "$base/dir" || exit 1
    echo "@@@ begin $label $name"
    read -r start _ </proc/uptime
    {
        $busybox timeout -s KILL 150 $busybox setsid "$program" </dev/null >"$base/output" 2>&1
        status=$?
    } 2>/dev/null
    cat "$base/output"
    read -r end _ </proc/uptime
    echo "@@@ end $label $name $status $start $end"
    cd /
done
rm -rf "$base"
