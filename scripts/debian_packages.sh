#!/usr/bin/env bash
# Installs what the demo and the tests need from Debian, and nothing that is there already: as root or
# through sudo, otherwise says on one line what to install.
set -eu
needed=(gcc g++ binutils make pkg-config cmake libpython3-dev python3-venv)
optional=(gnuplot-nox fonts-dejavu-core valgrind) # the demo goes on without them

missing_of() {
  local package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
  done
}

if ! command -v dpkg-query >/dev/null; then
  echo "not a Debian system: please see to it that these are installed, under your system's names:" \
    "${needed[*]} ${optional[*]}"
  exit 0
fi
mapfile -t missing < <(missing_of "${needed[@]}" "${optional[@]}")
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ]; then as_root=(env)
elif sudo -n true 2>/dev/null; then as_root=(sudo -n env)
elif [ -t 0 ] && command -v sudo >/dev/null; then as_root=(sudo env) # somebody is there to give a password
else
  echo "please install: apt-get install ${missing[*]}" >&2
  [ -z "$(missing_of "${needed[@]}")" ] # only optional ones are missing: go on
  exit
fi
echo "installing ${missing[*]}"
log=$(mktemp)
install=("${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}")
if ! "${install[@]}" >"$log" 2>&1; then
  # The package lists may be missing or old.
  if ! { "${as_root[@]}" apt-get update -q && "${install[@]}"; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    echo "please install: apt-get install ${missing[*]}" >&2
    [ -z "$(missing_of "${needed[@]}")" ]
    exit
  fi
fi
rm -f "$log"
