#!/usr/bin/env bash
# python_config.sh <python>: prints the path of the python3-config that belongs to the very Python that this
# environment's python was made with, or says on one line what is missing. Programs that start CPython inside
# themselves are built with its flags: another Python's library would not find the environment's packages.
set -u
base=$("$1" -c 'import sys; print(sys._base_executable)') || { echo "no python at $1" >&2; exit 1; }
real=$(readlink -f "$base")
# libpython3-dev alone has the second, with the machine's name before it.
for config in "$real-config" "$(dirname "$real")"/*-"$(basename "$real")-config" "$(dirname "$base")/python3-config"; do
  [ -x "$config" ] || continue
  echo "$config"
  exit 0
done
echo "no python3-config beside $base: please install libpython3-dev" >&2
exit 1
