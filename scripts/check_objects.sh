#!/usr/bin/env bash
# check_objects.sh [build folder of SwiftPM]: no function compiled for AVX2 or AVX-512 may end up being used
# by code that runs on every CPU. Prints "ok" and "not ok" lines.
#
# How it could: a generic or inlined function of the standard library (sorted, Dictionary, Array growth)
# that the compiler emits into a kernel module is a weak symbol. Several modules may emit the same one, the
# linker keeps the first it meets for the whole library, and if that is the one with AVX in it, an old CPU
# meets an illegal instruction in code that has nothing to do with kernels. The same goes for a strong
# symbol with a foreign name, were there one.
#
# What is harmless, and why:
# - data, whoever wins (metadata records, witness tables, symbolic references): it holds no instructions;
# - weak functions with the module's own name in their mangling, such as specialisations of its own
#   generics: no other module can emit a function of that name;
# - foreign weak functions that hold none but the plainest instructions, which every x86-64 has (the
#   accessor of a metadata cache, a cast from a number to an enum): it does not matter who wins.
# Local symbols are not seen by the linker at all.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit
folder=${1:-.build/release}
[ "$(uname -m)" = x86_64 ] || { echo "ok kernel objects (there is one CPU level here)"; exit 0; }

failures=0
report() { # report <name> <what is wrong, empty for nothing>
  if [ -z "$2" ]; then echo "ok $1"; else
    head -n 25 <<<"$2" | sed 's/^/# /'
    echo "not ok $1 - $(wc -l <<<"$2") symbols, the first is $(head -n 1 <<<"$2")"
    failures=$((failures + 1))
  fi
}

# Global and weak symbols defined in sections that hold instructions: "object binding name".
functions_of() { # functions_of <object>...
  local object
  for object in "$@"; do
    readelf -SW "$object" | sed -nE 's/^ *\[ *([0-9]+)\] ([^ ]+) .* [A-Z]*X[A-Z]* .*/\1/p' |
      awk -v object="$object" '
        NR == FNR { code[$1] = 1; next }
        # Num: Value Size Type Bind Vis Ndx Name
        $1 ~ /^[0-9]+:$/ && $7 in code && ($5 == "GLOBAL" || $5 == "WEAK" || $5 == "UNIQUE") && $4 != "SECTION" {
          print object, $5, $8
        }' - <(readelf -sW "$object")
  done
}

# The instructions of a function that are not among the plain ones, such as vaddps and shlx.
plain='^(mov[a-z]*|lea|push|pop|add|sub|sbb|adc|neg|not|and|or|xor|cmp|test|inc|dec|imul|mul|div|idiv|bt|sh[lr]|sa[rl]|ro[lr]'
plain+='|cmov[a-z]+|set[a-z]+|j[a-z]+|call|ret|leave|ud2|int3|nop[wl]?|data16|cs|xchg|c[lw]tq|cltd|cqto|endbr64)[bwlq]?$'
unusual() { # unusual <symbol> <object>
  objdump -d --no-addresses --no-show-raw-insn --disassemble="$1" "$2" |
    awk -v plain="$plain" '/^<.*>:$/ { inside = 1; next }
      /^Disassembly of section/ { inside = 0 }
      inside && NF && ($1 !~ plain || $1 ~ /^movbe/ || /%[yz]mm/) { print $1 }' | sort -u | tr '\n' ' '
}

for module in KernelsAVX2 KernelsAVX512 KernelsBF16; do
  objects=("$folder/$module.build"/*.o)
  if [ ! -e "${objects[0]}" ]; then
    report "$module" "no object files in $folder/$module.build"
    continue
  fi
  functions=$(functions_of "${objects[@]}")
  report "$module has functions to look at" "$([ -n "$functions" ] || echo "none: has the layout of the objects changed?")"
  own="${#module}$module" # Swift writes a module as the length of its name and the name
  foreign=$(awk -v own="$own" 'NF && index($3, own) == 0' <<<"$functions")
  harmful=$(while read -r object binding name; do
    [ -n "$name" ] || continue
    odd=$(unusual "$name" "$object")
    [ "$binding" = WEAK ] && [ -z "$odd" ] && continue
    echo "$name in $(basename "$object"), $binding, with ${odd:-plain instructions}"
  done <<<"$foreign")
  report "$module has no functions that others could be given" "$harmful"
done
exit $((failures > 0))
