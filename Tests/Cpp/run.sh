#!/usr/bin/env bash
# Builds the test of the C++ wrapper as a user of the installed library would, and runs it.
set -eu
cd "$(dirname "$0")/../.."
stage=${CHAINRULE_STAGE:-$PWD/build/stage}
export PKG_CONFIG_PATH=$stage/lib/pkgconfig
read -ra words < <(pkg-config --cflags --libs chainrule)
mkdir -p build/cpp-tests
"${CXX:-c++}" -std=c++17 -O1 -g -Wall -Wextra -Wpedantic -Werror Tests/Cpp/wrapper.cpp -o build/cpp-tests/wrapper \
  "${words[@]}" "-Wl,-rpath,$stage/lib"
cd build/cpp-tests
exec ./wrapper
