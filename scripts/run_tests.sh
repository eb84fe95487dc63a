#!/usr/bin/env bash
# run_tests.sh [component]...: runs the tests (of these components only), one summary line each, and ends
# on the sum, whatever fails: "N passed, N failed". A component is a name, a parser that counts, and a command.
# One that crashes, runs too long or prints no count has one failure more than it counted. A test that was
# skipped counts as failed: what it needs, make test installs.
# shellcheck disable=SC2317 # the parsers are called by a made-up name
set -u -o pipefail
cd "$(dirname "$0")/.." || exit
chosen=" $* "
logs=build/test-logs
mkdir -p "$logs"
unknown=$chosen # what was asked for and has not come yet
all_passed=0
all_failed=0

# Parsers, chosen by name: from a log to $passed and $failed.
count() { grep -cE "$1" "$2"; } # prints 0 when nothing matches
count_tap() { # "ok name" and "not ok name"
  passed=$(count '^ok( |$)' "$1")
  failed=$(count '^not ok( |$)' "$1")
}
count_pytest() { # "12 passed, 1 failed, 1 skipped, 1 error in 3.10s"
  local summary
  summary=$(grep -E '(passed|failed|skipped|errors?|no tests ran).* in [0-9.]+s' "$1" | tail -n 1)
  passed=$(grep -oE '[0-9]+ passed' <<<"$summary" | cut -d' ' -f1)
  failed=$(grep -oE '[0-9]+ (failed|skipped|errors?)' <<<"$summary" | awk '{ sum += $1 } END { print sum + 0 }')
}
count_swift() { # Swift Testing: "✘ Test name() failed after ...", "Test run with 12 tests in 3 suites ..."
  local tests
  tests=$(sed -nE 's/.*Test run with ([0-9]+) tests?.*/\1/p' "$1" | awk '{ sum += $1 } END { print sum + 0 }')
  failed=$(grep -E 'Test .* failed after' "$1" | grep -vc 'Test run with')
  passed=$((tests - failed))
}

# What to show of a failed component's log.
show_failure() {
  grep -E '^not ok|^FAILED|^ERROR|^SKIPPED|^E  |✘|error:|recorded an issue' "$1" | head -n 40 | sed 's/^/    /'
  echo "    ... the end of $1:"
  tail -n 15 "$1" | sed 's/^/    /'
}

component() { # component <name> <parser> <seconds> <command>...
  local name=$1 parser=$2 limit=$3 log=$logs/$1.log started=$SECONDS status passed=0 failed=0
  shift 3
  [ "$chosen" = "  " ] || [[ $chosen == *" $name "* ]] || return 0
  unknown=${unknown/ $name / }
  printf '%-10s ' "$name"
  timeout --kill-after=20 "$limit" "$@" >"$log" 2>&1 </dev/null
  status=$?
  "count_$parser" "$log"
  passed=${passed:-0}
  [ "$passed" -gt 0 ] || passed=0
  local reason=""
  if [ $status = 124 ] || [ $status = 137 ]; then reason=", ended after its limit of $limit s"
  elif [ $status != 0 ] && [ "$failed" = 0 ]; then reason=", exit status $status"
  elif [ $((passed + failed)) = 0 ]; then reason=", no count"; fi
  [ -z "$reason" ] || failed=$((failed + 1))
  printf '%4d passed, %d failed (%d s%s)\n' "$passed" "$failed" $((SECONDS - started)) "$reason"
  [ "$failed" = 0 ] || show_failure "$log"
  all_passed=$((all_passed + passed))
  all_failed=$((all_failed + failed))
}

finish() {
  if [ $all_failed = 0 ] && [ -n "${unknown// /}" ]; then
    echo "there are no tests named$unknown"
    all_failed=$((all_failed + 1))
  fi
  printf '%d passed, %d failed\n' $all_passed $all_failed
  [ $all_failed = 0 ]
  exit
}

# Without the library there is nothing to test.
if ! make --no-print-directory packages || ! make --no-print-directory environment; then
  all_failed=1
  finish
fi
python=$PWD/.venv/bin/python3
export CHAINRULE_STAGE=$PWD/build/stage CHAINRULE_PYTHON=$python

component swift swift 1200 scripts/swift_tests.sh
component added tap 300 Tests/AddedLayer/run.sh
component abi tap 600 Tests/run_abi_tests.sh
component cpp tap 120 Tests/Cpp/run.sh
component python pytest 600 "$python" -m pytest -q -rs -p no:cacheprovider Tests/Python
component embedding tap 300 Tests/PythonEmbedding/run.sh
component examples tap 300 scripts/run_examples.sh --tap
component headers tap 300 scripts/check_headers.sh
component library tap 120 scripts/check_library.sh
component steps tap 300 Benchmarks/instructions.sh
component readme tap 300 "$python" scripts/readme_blocks.py README.md
for sanitizer in address thread; do # each builds a library of its own
  component $sanitizer tap 900 Tests/run_abi_tests.sh --sanitize $sanitizer --quick
done
finish
