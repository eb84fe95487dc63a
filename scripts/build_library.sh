#!/usr/bin/env bash
# build_library.sh <version>: builds the Swift package and puts the stripped library, its links and the
# headers into build/. The compiler's words go to build/swift-build.log and appear when it fails.
set -eu
cd "$(dirname "$0")/.."
version=$1
swift=$(scripts/find_swift.sh)
mkdir -p build/include
echo "building libchainrule (the first time takes minutes; see build/swift-build.log)"
started=$SECONDS

# The standard library without what nothing uses of it (scripts/unretain.c), and the little that it needs of the C++
# library (scripts/cxx_parts.c), under this library's name; with them Package.swift links for size.
toolchain=$(dirname "$(dirname "$(readlink -f "$swift")")")
archive=$toolchain/lib/swift_static/linux/libswiftCore.a
runtime=$PWD/build/runtime
make_runtime() {
  local source isNew=1
  for source in "$archive" scripts/unretain.c scripts/cxx_parts.c scripts/strings.cpp; do
    [ "$runtime/Swift.o" -nt "$source" ] || isNew=0
  done
  [ $isNew = 0 ] || return 0
  rm -rf "$runtime"
  mkdir -p "$runtime" &&
    "$toolchain/bin/clang++" -std=c++17 -Oz -fPIC -fno-exceptions -fno-rtti -ffunction-sections -c scripts/strings.cpp \
      -o "$runtime/strings.o" &&
    "$toolchain/bin/clang" -Oz -fPIC -ffunction-sections -c scripts/cxx_parts.c -o "$runtime/cxx_parts.o" &&
    "$toolchain/bin/llvm-ar" rc "$runtime/libstdc++.a" "$runtime/strings.o" "$runtime/cxx_parts.o" &&
    "$toolchain/bin/clang" -O1 scripts/unretain.c -o "$runtime/unretain" &&
    (cd "$runtime" && "$toolchain/bin/llvm-ar" x "$archive" Swift.o && mv Swift.o new.o) &&
    "$runtime/unretain" "$runtime/new.o" && mv "$runtime/new.o" "$runtime/Swift.o"
}
if make_runtime; then
  export CHAINRULE_RUNTIME=$runtime
else
  echo "this toolchain's runtime can't be made smaller; the library will be 1.8 MB larger" >&2
fi

# Where the C library can read packed relocations, the library has them, unless it is to run elsewhere (PORTABLE=1).
if [ -z "${PORTABLE:-}" ] && printf '%s\n' 2.36 "$(getconf GNU_LIBC_VERSION | cut -d ' ' -f 2)" | sort -VC; then
  export CHAINRULE_PACKED=1
fi

# For what else builds in the same folder (swift_tests.sh): with other settings the library would be linked again.
export -p | grep -E ' CHAINRULE_(RUNTIME|PACKED)=' >build/link-settings || true

# shellcheck disable=SC2086 # SWIFT_FLAGS is a list
if ! "$swift" build -c release ${SWIFT_FLAGS:-} >build/swift-build.log 2>&1; then
  grep -E '^[^ ]*: error:|^error:' build/swift-build.log | sort -u | head -n 20 >&2 || tail -n 20 build/swift-build.log >&2
  echo "the Swift build failed; all of it is in build/swift-build.log" >&2
  exit 1
fi
# Written aside and renamed: a program that has the old library open keeps it.
strip --strip-unneeded -R .comment -o build/libchainrule.so.new .build/release/libchainrule.so
mv build/libchainrule.so.new "build/libchainrule.so.$version"
ln -sf "libchainrule.so.$version" "build/libchainrule.so.${version%%.*}"
ln -sf "libchainrule.so.${version%%.*}" build/libchainrule.so
cp Include/chainrule.h Include/chainrule.hpp build/include/
echo "build/libchainrule.so.$version: $(stat -c %s "build/libchainrule.so.$version" | numfmt --to=iec) after" \
  "$((SECONDS - started)) s"
