#!/usr/bin/env bash
# What the library in build/ shows to the outside: it exports exactly what chainrule.h declares, needs only
# the C library and no new one, is small; (check_install.sh) it can be installed, found and removed;
# (check_objects.sh) no code compiled for AVX can take the place of another's. Prints "ok" and "not ok" lines.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit
library=build/libchainrule.so

report() { # report <name> <what is wrong, empty for nothing>
  if [ -z "$2" ]; then echo "ok $1"; else
    # shellcheck disable=SC2001 # every line
    sed 's/^/# /' <<<"$2"
    echo "not ok $1"
  fi
}

# The compiler lists the prototypes of the header; its inline functions are "static".
declared=$(gcc -aux-info /dev/stdout -fsyntax-only -x c Include/chainrule.h |
  sed -nE 's/.*chainrule\.h:.* extern .*(chainrule_[a-z0-9_]+) \(.*/\1/p' | sort -u)
exported=$(nm -D --defined-only "$library" | awk '{ sub(/@.*/, "", $NF); print $NF }' | sort -u)
report "exports are the header's $(wc -w <<<"$declared") functions" "$(diff <(echo "$declared") <(echo "$exported") |
  sed -n 's/^< /declared, not exported: /p; s/^> /exported, not declared: /p')"

dynamic=$(readelf -d "$library")
report "needs only the C library" "$(sed -nE 's/.*NEEDED.*\[(.*)\]/\1/p' <<<"$dynamic" |
  grep -vE '^(libc\.so\.6|libm\.so\.6|ld-linux-.*)$')"
soname=$(sed -nE 's/.*SONAME.*\[(.*)\]/\1/p' <<<"$dynamic")
report "its name for the linker is libchainrule.so.0" "$([ "$soname" = libchainrule.so.0 ] || echo "it is '$soname'")"
size=$(stat -L -c %s "$library")
# Of these some 4 MB are the Swift runtime; each kind of the catalog adds to the rest at every CPU level.
# Packed relocations (scripts/build_library.sh) are 0.6 MB less.
limit=8500
grep -q '(RELR)' <<<"$dynamic" && limit=8000
report "at most $limit kB" "$([ "$size" -le $((limit * 1000)) ] || echo "$size bytes")"

# Its functions are those of glibc 2.34; what reads packed relocations is one of 2.36 anyway.
newest=$(objdump -T "$library" | grep -oE 'GLIBC_[0-9.]+' | sort -uV | tail -n 1)
report "needs functions of glibc 2.34 or older" "$([ "$(printf '%s\n' "$newest" GLIBC_2.34 | sort -V | tail -n 1)" = GLIBC_2.34 ] ||
  echo "it needs $newest")"

scripts/check_install.sh
exec scripts/check_objects.sh
