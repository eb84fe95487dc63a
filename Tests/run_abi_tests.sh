#!/usr/bin/env bash
# run_abi_tests.sh [--sanitize address|undefined|thread|all] [--quick] [library folder]
# Compiles the programs of Tests/ABI against Include/ and the library (build/ by default), and runs them at
# each CPU level that this machine has, on 1 and 2 threads. Prints "ok" and "not ok" lines; the exit status
# says whether all is well. With --sanitize the programs run under a sanitizer instead, which needs a build of
# the library of its own, in build/sanitize-*. Swift has none for undefined behaviour: that looks at the C in the
# library, the kernels' vectors among it; address includes it, and undefined alone also runs programs with a malloc of
# their own.
# Environment: CC, CFLAGS; SWIFT_FLAGS for the sanitized builds.
# shellcheck disable=SC2317 # functions are called by cpu_and_threads
set -u -o pipefail
cd "$(dirname "$0")/.." || exit
sanitizer="" quick=0 folder=""
while [ $# -gt 0 ]; do
  case $1 in
    --sanitize) sanitizer=${2:?which sanitizer?}; shift ;;
    --quick) quick=1 ;;
    -*) echo "unknown option $1" >&2; exit 2 ;;
    *) folder=$1 ;;
  esac
  shift
done
if [ "$sanitizer" = all ]; then
  worst=0
  for each in undefined address thread; do "$0" --sanitize $each ${folder:+"$folder"} || worst=1; done
  exit $worst
fi

# One run at a time in one folder.
mkdir -p build
exec 9>"build/abi-tests.lock"
flock 9

failures=0
report() { # report <name> <reason, empty for none>
  if [ -z "$2" ]; then echo "ok $1"; else
    echo "not ok $1 - $2"
    failures=$((failures + 1))
  fi
}

# These have a malloc of their own, or copy the library; sanitizers do not bear that.
sanitizer_libraries=()
own_memory="allocation out_of_memory reload steps"
words=(-std=c99 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Wpedantic -Werror)
compiler=${CC:-cc}
beside_swift() { dirname "$(readlink -f "$(scripts/find_swift.sh)")"; }
case $sanitizer in
  "") folder=${folder:-build} ;;
  undefined | address | thread)
    compiler=$(beside_swift)/clang
    words+=("-fsanitize=$sanitizer" -fno-omit-frame-pointer)
    library_words=("--sanitize=$sanitizer")
    # Swift's compiler hands C on to clang.
    undefined=(-Xcc -fsanitize=undefined -Xcc -fno-sanitize-recover=undefined)
    case $sanitizer in
      undefined) library_words=("${undefined[@]}") words+=(-fno-sanitize-recover=undefined) ;;
      address) library_words+=("${undefined[@]}") words+=(-fsanitize=undefined -fno-sanitize-recover=undefined) ;;
    esac
    # Swift's runtime of the thread sanitizer wants to know Dispatch.
    [ "$sanitizer" = thread ] && dispatch=$(dirname "$(beside_swift)")/lib/swift/linux &&
      sanitizer_libraries=("-L$dispatch" "-Wl,-rpath,$dispatch" -ldispatch -lBlocksRuntime)
    if [ -z "$folder" ]; then
      scratch=build/sanitize-$sanitizer
      mkdir -p "$scratch"
      # Kernels that this machine can't run need not be built; threads share work in the same way at each level.
      [ "$(uname -m)" = x86_64 ] && { [ "$sanitizer" = thread ] || ! grep -qw avx512f /proc/cpuinfo; } && export CHAINRULE_BUILD=avx2
      # shellcheck disable=SC2086 # SWIFT_FLAGS is a list
      if ! "$(scripts/find_swift.sh)" build -c release "${library_words[@]}" --scratch-path "$scratch" \
        ${SWIFT_FLAGS:-} >"$scratch/build.log" 2>&1; then
        grep -E 'error:' "$scratch/build.log" | sort -u | head -n 20 | sed 's/^/# /'
        report "library under the $sanitizer sanitizer" "it does not build, see $scratch/build.log"
        exit 1
      fi
      folder=$scratch/release
    fi
    ;;
  *) echo "no sanitizer $sanitizer: address, undefined, thread or all" >&2; exit 2 ;;
esac
folder=$(cd "$folder" 2>/dev/null && pwd) || { report "library" "there is no folder $folder"; exit 1; }
library=$folder/libchainrule.so
[ -e "$library" ] || { report "library" "there is no $library"; exit 1; }

# Programs, and where they are compiled to. Two at a time: more would only wait.
programs=""
for source in Tests/ABI/*.c; do
  name=$(basename "$source" .c)
  [ -n "$sanitizer" ] && [ "$sanitizer" != undefined ] && [[ " $own_memory " == *" $name "* ]] && continue
  programs="$programs $name"
done
binaries=$PWD/build/abi-tests${sanitizer:+-$sanitizer}
mkdir -p "$binaries"
# The link to the library's own name for the loader, where the folder is SwiftPM's.
links=$binaries/links
mkdir -p "$links"
ln -sf "$library" "$links/libchainrule.so.0"
ln -sf "$library" "$links/libchainrule.so"
compile() { # compile <name>
  local link=("-L$links" "-Wl,-rpath,$links" -lchainrule)
  [ "$1" = reload ] && link=()
  # shellcheck disable=SC2086 # CFLAGS is a list
  "$compiler" "${words[@]}" ${CFLAGS:-} -IInclude "Tests/ABI/$1.c" -o "$binaries/$1" "${link[@]}" -lpthread -lm -ldl \
    "${sanitizer_libraries[@]}"
}
export CHAINRULE_LIBRARY=$library
running=0
for name in $programs; do
  rm -f "$binaries/$name"
  compile "$name" >"$binaries/$name.log" 2>&1 &
  running=$((running + 1))
  [ $((running % 2)) = 0 ] && wait
done
wait

scratch_folder=$(mktemp -d)
trap 'rm -rf "$scratch_folder"' EXIT
export TMPDIR=$scratch_folder
# A defect may trap inside the library; the Swift runtime's backtracer would only slow the report down.
export SWIFT_BACKTRACE=enable=no
# Exit code 99 tells a sanitizer's report from a failed test. Leaks count: every program gives all back, and
# what the Swift runtime keeps for good is reachable.
export ASAN_OPTIONS=detect_leaks=1:exitcode=99:allocator_may_return_null=1:detect_stack_use_after_return=0
export TSAN_OPTIONS=exitcode=99:allocator_may_return_null=1:die_after_fork=0:report_signal_unsafe=0 UBSAN_OPTIONS=print_stacktrace=1

run() { # run <label> <program> <arguments>...; levels and threads are in the environment
  local label=$1 name=$2 status log
  shift 2
  log=$binaries/$name.${label//\//-}.output
  if [ ! -x "$binaries/$name" ]; then
    sed 's/^/# /' "$binaries/$name.log" | head -n 20
    report "$label $name" "does not compile"
    return
  fi
  timeout --kill-after=10 300 "$binaries/$name" "$@" >"$log" 2>&1 </dev/null
  status=$?
  # Lines of a forked child may come twice; a case counts once. The label goes before the name.
  sed -E "s|^(ok\|not ok) |\1 $label |" "$log" | grep -v '^bits ' | head -n 4000
  failures=$((failures + $(grep -c '^not ok' "$log")))
  if [ "$status" != 0 ] && ! grep -q '^not ok' "$log"; then
    report "$label $name" "$(explain "$status"), $(grep -E '^# crashed|^ok|^bits' "$log" | tail -n 1)"
  elif [ "$status" -gt 1 ]; then
    report "$label $name ends" "$(explain "$status"), $(grep -E '^# crashed' "$log" | tail -n 1)"
  fi
}
# Two programs at a time, the lines of each in one piece.
running=0
begin() { # begin <level> <threads> <label> <program>
  local lines=$binaries/$4.${3//\//-}.lines
  if [ $running = 2 ]; then wait -n; else running=$((running + 1)); fi
  all_lines+=("$lines")
  {
    # shellcheck disable=SC2046 # arguments are a list
    cpu_and_threads "$1" "$2" run "$3" "$4" $(arguments_of "$4") >"$lines"
    flock "$binaries/print.lock" cat "$lines"
  } &
}
finish() { # adds what failed
  wait
  running=0
  failures=$((failures + $(cat "${all_lines[@]}" </dev/null | grep -c '^not ok')))
  all_lines=()
}
all_lines=()
explain() {
  case $1 in
    124) echo "took longer than 300 s" ;;
    99) echo "the sanitizer reports an error" ;;
    *) if [ "$1" -gt 128 ]; then echo "ended by signal $(kill -l $(($1 - 128)))"; else echo "exit status $1"; fi ;;
  esac
}

arguments_of() { # what a program wants to be told
  case $1 in
    oracle | steps) echo "$PWD/Tests/Oracle/values" ;;
    checkpointing) echo "$PWD/Tests/Oracle/values" ${sanitizer:+1} ;;
    state_dict) echo "$PWD/Tests/Oracle/state_dicts" ;;
    schedules) echo "$PWD/Tests/Oracle/schedule_values.txt" ;;
    busy | threads) [ "$sanitizer" = thread ] && echo 40 ;;
    reproducible) if [ -n "$sanitizer" ]; then echo 3; else echo 100; fi ;;
  esac
}
best=""
cpu_and_threads() { # cpu_and_threads <level> <threads> <command>...; the best level is what comes by itself
  local level=$1 threads=$2
  shift 2
  if [ "$level" != "$best" ]; then CHAINRULE_CPU=$level CHAINRULE_THREADS=$threads "$@"; else CHAINRULE_THREADS=$threads "$@"; fi
}

if [ -n "$sanitizer" ]; then
  for name in $programs; do
    # Long under the thread sanitizer, and all on one thread.
    [ "$sanitizer" = thread ] && [ "$name" = bad_files ] && continue
    begin "" 2 "$sanitizer" "$name"
  done
  finish
  exit $((failures > 0))
fi

# The levels this machine has: what the library takes by itself, and all below.
if ! "$compiler" -IInclude -x c - -o "$binaries/level" "-L$links" "-Wl,-rpath,$links" -lchainrule <<<'
#include <stdio.h>
#include "chainrule.h"
int main(void) { return puts(chainrule_cpu_level()) < 0; }' || ! best=$(env -u CHAINRULE_CPU "$binaries/level"); then
  report "CPU level" "the library does not start"
  exit 1
fi
case $best in
  avx512) levels="avx512 avx2 baseline" ;;
  avx2) levels="avx2 baseline" ;;
  *) levels=$best ;;
esac

# What depends on numbers runs everywhere; what depends on files, memory and loading runs at the best level.
numeric="arrays bfloat16 busy callbacks cancel catalog checkpoint checkpointing context direct_update evaluate fit foreseen graph history kept_results library loss"
numeric="$numeric custom_layer custom_loss custom_metric custom_optimizer custom_schedule metrics models one_sample optimizer oracle packed_weights parameters predict recurrent schedules state_dict threads trainer training_options transposed whole_set"
for level in $levels; do
  for threads in 1 2; do
    for name in $programs; do
      [ "$name" = reproducible ] && continue
      if [[ " $numeric " != *" $name "* ]] && { [ "$level" != "$best" ] || [ $threads = 1 ]; }; then continue; fi
      if [ $quick = 1 ] && { [ "$level" != "$best" ] || [ $threads = 1 ]; }; then continue; fi
      begin "$level" $threads "$level/$threads" "$name"
    done
  done
done
finish

# Every case of the oracle gives the same bits at 1 and 2 threads, and at AVX2 and AVX-512 alike.
if [ $quick = 0 ]; then
  first=""
  for level in $levels; do
    [ "$level" = baseline ] && first=""
    for threads in 1 2; do
      bits=$binaries/oracle-bits-$level-$threads
      cpu_and_threads "$level" $threads "$binaries/oracle" "$(arguments_of oracle)" 2>/dev/null | grep '^bits ' >"$bits"
      if [ -z "$first" ]; then first=$bits; continue; fi
      different=$(diff "$first" "$bits" | sed -n 's/^> bits \([^ ]*\) .*/\1/p' | head -n 5 | tr '\n' ' ')
      [ "$(wc -l <"$bits")" -ge 200 ] || different="too few cases"
      report "$level/$threads same bits as $(basename "$first") in every case of the oracle" "$different"
    done
  done
fi

# The same bits after 100 steps: at 1 and 2 threads, and at AVX2 and AVX-512 alike.
first=""
for level in $levels; do
  # Without fused multiply-add the bits are others, at any number of threads the same, and it takes longer.
  [ "$level" = baseline ] && first=""
  for threads in 1 2; do
    steps=100
    [ "$level" = baseline ] && steps=20
    cpu_and_threads "$level" $threads run "$level/$threads" reproducible $steps
    grep '^bits ' "$binaries/reproducible.$level-$threads.output" >"$binaries/bits-$level-$threads"
    if [ -z "$first" ]; then
      first=$level-$threads
      report "$level/$threads reproducible cases" "$([ "$(wc -l <"$binaries/bits-$first")" -ge 11 ] || echo "too few lines")"
      continue
    fi
    while read -r _ name bits; do
      same=$(awk -v name="$name" '$2 == name { print $3 }' "$binaries/bits-$level-$threads")
      report "$level/$threads same bits as $first: $name" "$([ "$same" = "$bits" ] || echo "${same:-nothing} is not $bits")"
    done <"$binaries/bits-$first"
  done
done
exit $((failures > 0))
