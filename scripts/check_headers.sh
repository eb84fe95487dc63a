#!/usr/bin/env bash
# The public headers compile alone without a warning: chainrule.h as C and C++, chainrule.hpp as C++,
# under gcc and clang (the one beside Swift if there is no other). Prints "ok" and "not ok" lines.
set -u
cd "$(dirname "$0")/.." || exit
clang=$(command -v clang || echo "$(dirname "$(readlink -f "$(scripts/find_swift.sh)")")/clang")
warnings=(-Wall -Wextra -Wpedantic -Werror)

check() { # check <compiler> <language> <standard> <header>
  local output name
  name="$4 as $3 under $(basename "$1")"
  # Twice, because a header may be included twice.
  if output=$(printf '#include "%s"\n#include "%s"\nint used(void);\n' "$4" "$4" |
    "$1" -x "$2" "-std=$3" "${warnings[@]}" -IInclude -fsyntax-only - 2>&1); then
    echo "ok $name"
  else
    # shellcheck disable=SC2001 # every line
    sed 's/^/# /' <<<"$output"
    echo "not ok $name"
  fi
}

for compiler in gcc "$clang"; do
  for standard in c99 c11 c17; do check "$compiler" c $standard chainrule.h; done
  for standard in c++11 c++17 c++20; do check "$compiler" c++ $standard chainrule.h; done
  for standard in c++17 c++20; do check "$compiler" c++ $standard chainrule.hpp; done
done
