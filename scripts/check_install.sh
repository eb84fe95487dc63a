#!/usr/bin/env bash
# What `make install` puts where: under DESTDIR without a trace of it in the files, found by pkg-config and
# by CMake under both spellings of the name, and all gone after `make uninstall`. Prints "ok" and "not ok".
set -u -o pipefail
cd "$(dirname "$0")/.." || exit
folder=$PWD/build/install-check
rm -rf "$folder"
mkdir -p "$folder"

report() { # report <name> <what is wrong, empty for nothing>
  if [ -z "$2" ]; then echo "ok $1"; else
    # shellcheck disable=SC2001 # every line
    sed 's/^/# /' <<<"$2"
    echo "not ok $1"
  fi
}
quiet() { # quiet <command>...: its output if it fails
  local output
  output=$("$@" 2>&1) || echo "${output:-$* failed}"
}
installation() { make --no-print-directory "$1" PREFIX=/opt/chainrule DESTDIR="$folder/root"; }
installed=$folder/root/opt/chainrule

# A file that is not ours must survive uninstall.
mkdir -p "$installed/include" && touch "$installed/include/another.h"
report "make install with DESTDIR" "$(quiet installation install)"
expected="include/another.h include/chainrule.h include/chainrule.hpp lib/cmake/Chainrule/chainrule-config-version.cmake
lib/cmake/Chainrule/chainrule-config.cmake lib/libchainrule.so lib/libchainrule.so.0 lib/libchainrule.so.$(
  sed -n 's/^#define CHAINRULE_VERSION_[A-Z]* //p' Include/chainrule.h | paste -sd.) lib/pkgconfig/chainrule.pc"
report "it installs these files and no others" "$(diff <(tr ' ' '\n' <<<"$expected" | sort) \
  <(cd "$installed" && find . -not -type d -printf '%P\n' | sort))"
report "DESTDIR is not in what it installs" "$(grep -rl "$folder" "$installed/lib/pkgconfig" "$installed/lib/cmake")"
report "chainrule.pc has PREFIX" "$(diff <(echo "-I/opt/chainrule/include -L/opt/chainrule/lib -lchainrule") \
  <(PKG_CONFIG_PATH=$installed/lib/pkgconfig pkg-config --cflags --libs chainrule | xargs))"

# The tree may be moved: CMake finds it where it lies.
for name in Chainrule chainrule; do
  project=$folder/$name
  mkdir "$project"
  sed "s/find_package(Chainrule/find_package($name/" examples/cmake/CMakeLists.txt >"$project/CMakeLists.txt"
  cp examples/cmake/consumer.c "$project/"
  report "find_package($name)" "$(grep -q "find_package($name " "$project/CMakeLists.txt" || echo "the example has no find_package"
    quiet cmake -S "$project" -B "$project/build" -DCMAKE_PREFIX_PATH="$installed" &&
      quiet cmake --build "$project/build" && quiet "$project/build/consumer" examples/data)"
  sed -i "s/find_package($name [0-9.]*/find_package($name 99.0/" "$project/CMakeLists.txt"
  report "find_package($name) of a version that is not there" "$(
    cmake -S "$project" -B "$project/build" -DCMAKE_PREFIX_PATH="$installed" >/dev/null 2>&1 && echo "it is found")"
done

report "make uninstall" "$(quiet installation uninstall)"
report "it leaves what is not the library's, and nothing else" "$(diff <(echo include/another.h) \
  <(cd "$installed" && find . -not -type d -printf '%P\n'))"
