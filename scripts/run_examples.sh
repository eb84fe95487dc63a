#!/usr/bin/env bash
# run_examples.sh [--tap]: builds every example against the installation in build/stage, runs it on the
# real data, and ends with a table of what learned what and the list of pictures. With --tap it prints
# "ok" and "not ok" lines instead. An example says what it learned in one line:
#     result: measure | value | required | learned
set -u -o pipefail
cd "$(dirname "$0")/.." || exit
tap=${1:-}
root=$PWD
stage=$root/build/stage
programs=build/examples
output=build/demo
export PKG_CONFIG_PATH=$stage/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
python=$root/.venv/bin/python3
mkdir -p "$programs" "$output"
[ -s build/data/mnist.csv ] || "$python" examples/data/mnist.py build/data/mnist.csv # too large for examples/data

# Each kind of example: how to build it (nothing for Python) and how to run it.
link() { pkg-config --cflags --libs chainrule; echo "-lm -Wl,-rpath,$stage/lib"; }
# shellcheck disable=SC2046 # pkg-config prints a list of words
build() {
  case $1 in
    examples/c/*) "${CC:-cc}" -O2 -Wall -Wextra "$1" -o "$2" $(link) ;;
    examples/cpp/*) "${CXX:-c++}" -std=c++17 -O2 -Wall -Wextra "$1" -o "$2" $(link) ;;
    examples/embedding/*)
      config=$(scripts/python_config.sh "$python") &&
        "${CC:-cc}" -O2 -Wall -Wextra "$1" -o "$2" $("$config" --includes) $("$config" --ldflags --embed) -lm
      ;;
    examples/cmake/*)
      cmake -S examples/cmake -B "$2.build" -DCMAKE_PREFIX_PATH="$stage" &&
        cmake --build "$2.build" && ln -sf "$(basename "$2").build/consumer" "$2"
      ;;
  esac
}
run() {
  local data=examples/data
  case $1 in */lenet.*) data=build/data ;; esac
  case $1 in
    examples/c/gradient_descent.c | examples/c/xor.c) stdbuf -oL "$2" "$output" ;;
    examples/c/*) stdbuf -oL "$2" "$data" "$output" ;;
    examples/cpp/*) stdbuf -oL "$2" "$data" ;;
    examples/python/*) "$python" -u "$1" "$data" "$output" ;;
    examples/embedding/*) "$2" "$data" "$python" ;;
    examples/cmake/*) "$2" "$data" ;;
  esac
}

# C comes before Python: python/digits.py loads what c/digits.c saved.
examples=(examples/c/*.c examples/cpp/*.cpp examples/python/*.py examples/embedding/*.c examples/cmake/*.c)
rows=()
pictures=()
failed=0
for i in "${!examples[@]}"; do
  example=${examples[$i]}
  name=${example#examples/}
  program=$root/$programs/$(echo "${name%.*}" | tr / -)
  log=$program.output
  [ -n "$tap" ] || printf '\n[%d/%d] %s\n' $((i + 1)) ${#examples[@]} "$example"
  started=$EPOCHREALTIME
  if build "$example" "$program" >"$log" 2>&1; then
    started=$EPOCHREALTIME
    if [ -n "$tap" ]; then run "$example" "$program" >"$log" 2>&1
    else run "$example" "$program" 2>&1 | tee "$log" | sed -u 's/^/  /'; fi
    status=$?
  else
    status=1
    [ -n "$tap" ] || sed 's/^/  /' "$log"
  fi
  seconds=$(awk -v from="$started" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f s", to - from }')
  result=$(sed -n 's/^result: //p' "$log" | tail -n 1)
  if [ "$status" != 0 ] || [ "${result##*| }" != learned ]; then
    failed=$((failed + 1))
    [ -z "$tap" ] || { sed 's/^/# /' "$log"; echo "not ok $example"; }
    result=${result:-nothing | - | -}
    result="${result% | *} | NOT LEARNED (exit status $status)"
  elif [ -n "$tap" ]; then echo "ok $example (${result%% | learned})"; fi
  rows+=("$name | ${result% | learned} | $seconds")
  mapfile -t -O ${#pictures[@]} pictures < <(sed -n 's/^picture: //p' "$log")
done

if [ -z "$tap" ]; then
  printf '\n'
  printf '%s\n' "example | measure | value | required | time" "${rows[@]}" | awk -F ' [|] ' '
    { for (i = 1; i <= NF; i++) { cell[NR, i] = $i; if (length($i) > width[i]) width[i] = length($i) } fields[NR] = NF }
    END {
      for (row = 1; row <= NR; row++) {
        line = ""
        for (i = 1; i <= fields[row]; i++) line = line sprintf("%-" width[i] "s  ", cell[row, i])
        sub(/ +$/, "", line)
        print line
        if (row == 1) { gsub(/./, "-", line); print line }
      }
    }'
  printf '\npictures:\n'
  printf '  %s\n' "${pictures[@]:-none}"
  printf '\n%d of %d examples learned what they should\n' $((${#examples[@]} - failed)) ${#examples[@]}
fi
[ "$failed" = 0 ]
