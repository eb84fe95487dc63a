#!/usr/bin/env bash
# run.sh [--quick] [--only PARTS] [--write]: all measurements and their report (report/bench.py says more), in an
# environment that has what they need:
#   PEERS         folder with the peers' benchmark (default ../shared/peers); without it, no networks, jobs, memory
#                 and no matrix product from Python
#   PEERS_PYTHON  a Python with the libraries of requirements.txt; without it they are installed into build/benchmarks/venv
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
build=$root/build/benchmarks
mkdir -p "$build"

python=${PEERS_PYTHON:-}
if [ -z "$python" ]; then
  python=$build/venv/bin/python
  if [ ! -e "$build/venv/complete" ]; then
    echo "installing the other libraries into build/benchmarks/venv (3 GB, once; PEERS_PYTHON names a Python that has them)"
    if python3 -m venv "$build/venv" &&
      "$python" -m pip install --quiet --disable-pip-version-check -r Benchmarks/requirements.txt > "$build/pip.log" 2>&1; then
      touch "$build/venv/complete"
    else
      echo "   not installed, see build/benchmarks/pip.log: what needs them is left out" >&2
      python=python3
      [ ! -x .venv/bin/python ] || python=$root/.venv/bin/python # the one of make test
    fi
  fi
elif ! "$python" -c 'import matplotlib' 2> /dev/null; then
  # Somebody else's environment stays as it is: what draws goes into a folder beside.
  export PYTHONPATH=$build/packages${PYTHONPATH:+:$PYTHONPATH}
  "$python" -c 'import matplotlib' 2> /dev/null ||
    "$python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$build/packages" \
      matplotlib contourpy cycler fonttools kiwisolver packaging pillow pyparsing python-dateutil six > "$build/pip.log" 2>&1 ||
    echo "matplotlib can't be installed (build/benchmarks/pip.log): the report has no pictures" >&2
fi
case $python in # the parts run in other folders
  */*) python=$(cd "$(dirname "$python")" && pwd)/$(basename "$python") ;;
esac
export PEERS_PYTHON=$python
export LD_LIBRARY_PATH=$root/build${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export CHAINRULE_LIBRARY=$root/build/libchainrule.so
# The package as its users install it: a checkout has not the module of C that makes calls quick.
rm -rf "$build/chainrule"
if "$python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$build/chainrule" ./bindings/python \
  > "$build/pip.log" 2>&1; then
  export PYTHONPATH=$build/chainrule${PYTHONPATH:+:$PYTHONPATH}
else
  echo "the Python package can't be installed (build/benchmarks/pip.log): it is taken from the checkout, and is slower" >&2
  export PYTHONPATH=$root/bindings/python${PYTHONPATH:+:$PYTHONPATH}
fi
exec "$python" Benchmarks/report/bench.py "$@"
