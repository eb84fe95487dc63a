#!/usr/bin/env bash
# error_table.sh [library folder]: prints, for each entry of the catalog, how many cases compare it with PyTorch
# (metrics: with scikit-learn) and the largest error among them, as tables in Markdown. It runs the tests oracle,
# metrics and schedules of Tests/ABI and says so when one fails. A case with several kinds counts for each of them.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit
library=$(cd "${1:-build}" && pwd) || exit
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0
rows() { # rows <program> <arguments>...
  local name=$1
  shift
  "${CC:-cc}" -std=c99 -D_GNU_SOURCE -O1 -IInclude "Tests/ABI/$name.c" -o "$folder/$name" "-L$library" "-Wl,-rpath,$library" \
    -lchainrule -lm -lpthread -ldl || exit
  ERROR_TABLE=1 "$folder/$name" "$@" >"$folder/$name.log" 2>&1 || failed=1
  grep '^not ok' "$folder/$name.log"
  grep '^|' "$folder/$name.log" >"$folder/$name.rows"
}
rows oracle Tests/Oracle/values
rows metrics
rows schedules Tests/Oracle/schedule_values.txt

cat <<'WORDS'
Float64: the largest error relative to the number, or to a thousandth of the largest number of its array. Float32: the
largest error as a multiple of PyTorch's own float32 error in that array, or of half a unit in the last place of the
array's largest number where that is more.

| layer, operation, loss or optimizer (after ten steps) | cases | float64 | gradient, float64 | float32 |
|---|---|---|---|---|
WORDS
cat "$folder/oracle.rows"
echo
echo "| metric (relative to 1 where it is less), schedule (relative to the first rate and the rate together) | cases | float64 |"
echo "|---|---|---|"
cut -d'|' -f1-5 "$folder/metrics.rows" "$folder/schedules.rows" | sed '/| *$/! s/$/|/; s/| $/|/'
exit $failed
