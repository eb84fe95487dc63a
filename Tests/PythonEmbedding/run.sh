#!/usr/bin/env bash
# run.sh [library folder] [python environment]: builds the programs of this folder, which start CPython in
# a C process, and runs each in a process of its own. The environment has numpy, cffi and the package
# chainrule in its site-packages. Prints "ok" and "not ok" lines; the exit status says whether all is well.
# Without arguments: the installation in CHAINRULE_STAGE (or build/), the python CHAINRULE_PYTHON (or
# .venv's).
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit
folder=${1:-${CHAINRULE_STAGE:+$CHAINRULE_STAGE/lib}}
folder=$(cd "${folder:-build}" && pwd) || exit
python=${CHAINRULE_PYTHON:-$PWD/.venv/bin/python3}
[ $# -lt 2 ] || python=$(cd "$2" && pwd)/bin/python3
binaries=$PWD/build/embedding-tests
mkdir -p "$binaries/library"
ln -sf "$folder/libchainrule.so" "$binaries/library/libchainrule.so"
ln -sf "$folder/libchainrule.so" "$binaries/library/libchainrule.so.0"
failures=0
fail() { # fail <name> <reason>
  echo "not ok embedding $1 - $2"
  failures=$((failures + 1))
}

config=$(scripts/python_config.sh "$python" 2>&1) || { fail python "$config"; exit 1; }
read -ra compile < <("$config" --includes)
read -ra link < <("$config" --ldflags --embed)

build() { # build <name>; the library is linked only where the program says it is
  local library=("-L$binaries/library" "-Wl,-rpath,$binaries/library" -lchainrule)
  case $1 in through_package | loaded_late) library=() ;; esac
  "${CC:-cc}" -std=gnu99 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror -IInclude "${compile[@]}" \
    "Tests/PythonEmbedding/$1.c" -o "$binaries/$1" "${library[@]}" "${link[@]}" -lm
}

run() { # run <name> [argument]
  local name=$1 log=$binaries/$1.log status
  if ! build "$name" >"$log" 2>&1; then
    sed 's/^/# /' "$log" | head -n 20
    fail "$name" "does not compile"
    return
  fi
  timeout --kill-after=10 120 "$binaries/$name" "$python" examples/data "${@:2}" >"$log" 2>&1 </dev/null
  status=$?
  grep -E '^(ok|not ok|#)' "$log"
  grep -q '^not ok' "$log" && failures=$((failures + 1))
  [ $status = 0 ] && grep -q '^ok' "$log" && return
  sed 's/^/# /' "$log" | tail -n 15
  grep -q '^not ok' "$log" || fail "$name" "exit status $status"
}

# The directly used library and the package's: first each its own copy, then one file for both.
export CHAINRULE_DIRECT=$folder/libchainrule.so
unset CHAINRULE_LIBRARY
for name in through_package loaded_late callback callback_raises shared_memory two_threads; do run $name; done
run both_sides both_sides-with-two-copies 2
export CHAINRULE_LIBRARY=$folder/libchainrule.so
run both_sides both_sides-with-one-copy 1
run loaded_late
exit $((failures > 0))
