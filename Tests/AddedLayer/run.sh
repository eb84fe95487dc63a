#!/usr/bin/env bash
# A new layer touches two places: a file of its own, and a line in the catalog. This copies the package, adds the
# layer that Sources/README.md shows under another name in just that way, builds the copy (for one CPU level and
# without optimisation, which is quick) and runs program.c with it. Prints "ok" and "not ok" lines.
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit
swift=$(scripts/find_swift.sh) || exit
copy=build/added-layer
rm -rf "$copy/Sources" "$copy/Include" "$copy/Tests"
mkdir -p "$copy/Tests"
cp -a Package.swift Sources Include "$copy/"
for tests in Tests/*Tests; do # Package.swift names them
  mkdir "$copy/$tests"
  echo "// nothing" >"$copy/$tests/Empty.swift"
done

report() { # report <name> <what is wrong, empty for nothing>
  if [ -z "$2" ]; then echo "ok $1"; else
    sed 's/^/# /' <<<"$2"
    echo "not ok $1"
  fi
}

# The README's text, without its indentation, is the layer that it says it is.
block=$(awk '/^    import KernelInterface$/ { on = 1 } /^[^ ]/ { on = 0 } on { sub(/^    /, ""); print }' Sources/README.md)
report "README shows hardtanh as it is" "$(diff <(echo "$block") <(tail -n +3 Sources/Layers/Activations/Hardtanh.swift))"

# One file, one line.
sed -e 's/struct Hardtanh/struct AddedLayer/' -e 's/"Hardtanh"/"AddedLayer"/' -e 's/"hardtanh/"added_layer/' <<<"$block" \
  >"$copy/Sources/Layers/AddedLayer.swift"
sed -i 's/^\( *\)Input\.self,$/&\n\1AddedLayer.self,/' "$copy/Sources/Layers/LayerCatalog.swift"
report "two places" "$(diff -rq Sources "$copy/Sources" | sort | diff - <(
  echo "Files Sources/Layers/LayerCatalog.swift and $copy/Sources/Layers/LayerCatalog.swift differ"
  echo "Only in $copy/Sources/Layers: AddedLayer.swift"
))$(diff Sources/Layers/LayerCatalog.swift "$copy/Sources/Layers/LayerCatalog.swift" | grep '^[<>]' | diff - <(
  echo ">         AddedLayer.self,"
))"

# shellcheck disable=SC2086 # SWIFT_FLAGS is a list
if ! CHAINRULE_BUILD=quick "$swift" build --package-path "$copy" --product chainrule \
  ${SWIFT_FLAGS:-} >"$copy/build.log" 2>&1; then
  report "the copy builds" "$(grep -E 'error:' "$copy/build.log" | sort -u | head -n 20)
see $copy/build.log"
  exit 1
fi
echo "ok the copy builds"
library=$PWD/$copy/.build/debug
ln -sf libchainrule.so "$library/libchainrule.so.0"
"${CC:-cc}" -std=c99 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Wpedantic -Werror -IInclude -ITests/ABI Tests/AddedLayer/program.c \
  -o "$copy/program" "-L$library" "-Wl,-rpath,$library" -lchainrule -lm || exit
exec "$copy/program"
