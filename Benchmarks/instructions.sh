#!/usr/bin/env bash
# instructions.sh [--keep]: instructions of a training step of the five smallest networks, counted by callgrind,
# beside those kept in instructions.txt: "ok" and "not ok" lines, and a failure where one takes 2 % more. Unlike
# times they are the same from run to run. --keep writes the counts as those to compare with from now on.
# With AVX2, which valgrind knows and AVX-512 not.
set -euo pipefail
cd "$(dirname "$0")/.."
kept=Benchmarks/instructions.txt
build=build/benchmarks
mkdir -p "$build"
# Dictionaries have another order in each process unless they are told otherwise.
export LD_LIBRARY_PATH=$PWD/build CHAINRULE_CPU=avx2 SWIFT_DETERMINISTIC_HASHING=1
version=$("$(scripts/find_swift.sh)" --version 2> /dev/null | sed -n 's/.*Swift version \([0-9.]*\).*/\1/p')
compiler=$(awk '$1 == "swift" { print $2 }' "$kept" 2> /dev/null || true)
reason=""
grep -qw avx2 /proc/cpuinfo || reason="this CPU has no AVX2"
[ "${1:-}" = --keep ] || [ "$version" = "$compiler" ] || reason="the counts are those of Swift $compiler, this is $version"
if [ -n "$reason" ]; then
  echo "ok instructions of a step: nothing to compare, $reason"
  exit 0
fi
"${CC:-cc}" -O2 -IInclude Benchmarks/c/instructions.c -o "$build/instructions" -Lbuild -lchainrule

count() { # count <network> <steps>: all instructions of the process
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$build/instructions" "$1" "$2" 2>&1 |
    sed -n 's/^==[0-9]*== Collected : \([0-9]*\)$/\1/p'
}

failures=0
now="swift $version"$'\n'
for network in linreg xor iris tabular mnist-mlp; do
  steps=1000
  case $network in tabular | mnist-mlp) steps=10 ;; esac
  # What comes before the first steps is in both.
  few=$(count $network 10)
  many=$(count $network $((steps + 10)))
  [ -n "$few" ] && [ -n "$many" ] || { echo "not ok $network - valgrind counted nothing"; exit 1; }
  step=$(((many - few) / steps))
  now+="$network $step"$'\n'
  before=$(awk -v name=$network '$1 == name { print $2 }' "$kept" 2> /dev/null || true)
  if [ "${1:-}" = --keep ] || [ -z "$before" ]; then
    echo "$network: $step instructions"
  elif [ $((step * 100)) -gt $((before * 102)) ]; then
    echo "not ok $network - $step instructions a step, more than 2 % over $before (--keep makes them the standard)"
    failures=$((failures + 1))
  else
    echo "ok $network: $step instructions a step, $before before"
  fi
done
if [ "${1:-}" = --keep ]; then printf '%s' "$now" > "$kept"; fi
[ $failures = 0 ]
