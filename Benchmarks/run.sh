#!/usr/bin/env bash
# All measurements. Those beside other Python libraries need the peers' benchmark and its environment:
#   PEERS=directory with run.py, bar.py, endtoend.py    PEERS_PYTHON=a Python with their requirements
# Without them, what needs only C is measured: FANN (libfann-dev) and a BLAS (libopenblas) if they are there.
set -euo pipefail
cd "$(dirname "$0")/.."
quick=${1:-}
root=$PWD
build=$root/build/benchmarks
mkdir -p "$build"
export LD_LIBRARY_PATH=$root/build
export CHAINRULE_LIBRARY=$root/build/libchainrule.so
cc=${CC:-cc}

echo "== training steps from C, beside FANN"
if "$cc" -O2 -IInclude Benchmarks/c/steps.c -o "$build/steps" -Lbuild -lchainrule -lfloatfann -lm 2> "$build/steps.log"; then
  taskset -c 0 "$build/steps" || echo "   (under twice FANN's speed somewhere)"
else
  echo "   not built; see $build/steps.log (needs libfann-dev)"
fi

echo "== instructions of a training step, with AVX2"
if command -v valgrind > /dev/null; then Benchmarks/instructions.sh || true; else echo "   not counted (needs valgrind)"; fi

echo "== matrix product, beside OpenBLAS and the FMA peak"
"$cc" -O2 -pthread -IInclude Benchmarks/c/product.c -o "$build/product" -Lbuild -lchainrule -ldl
blas=$(find /usr/lib -name 'libopenblas.so.0' 2> /dev/null | head -n 1)
cpus=$(nproc)
OPENBLAS_NUM_THREADS=1 taskset -c 0 "$build/product" 1 ${blas:+"$blas"}
if [ "$cpus" -gt 1 ]; then OPENBLAS_NUM_THREADS=2 taskset -c 0,1 "$build/product" 2 ${blas:+"$blas"}; fi

PEERS=${PEERS:-../shared/peers}
python=${PEERS_PYTHON:-}
export PYTHONPATH=$root/bindings/python
echo "== size, import and memory of the Python package"
own=${python:-$root/.venv/bin/python3} # the one of make test; any with NumPy and cffi will do
if "$own" -c 'import numpy, cffi' 2> "$build/footprint.log"; then
  "$own" Benchmarks/peers/footprint.py
else
  echo "   not measured; see $build/footprint.log (needs NumPy and cffi)"
fi

if [ -z "$python" ] || [ ! -f "$PEERS/bar.py" ]; then
  echo "== other Python libraries: not measured (PEERS and PEERS_PYTHON say where they are)"
  exit 0
fi
# The peers' benchmark writes beside itself.
work=$build/peers
mkdir -p "$work"
cp -r --no-preserve=mode "$PEERS/." "$work/"
if [ "$quick" = --quick ]; then
  (cd "$work" && "$python" bar.py --adapter "$root/Benchmarks/peers/chainrule_adapter.py" --workloads linreg,iris,mnist-mlp) || true
  exit 0
fi
echo "== the seven networks of perceptrons"
(cd "$work" && "$python" bar.py --adapter "$root/Benchmarks/peers/chainrule_adapter.py" --kind mlp --min 1 --mean 2) || true
echo "== matrix product beside their BLAS libraries"
"$python" Benchmarks/peers/product.py --peers "$work"
echo "== whole jobs"
"$python" Benchmarks/peers/jobs.py --peers "$work"
echo "== each layer and operation of the catalog, beside PyTorch, one thread"
"$python" -W ignore Benchmarks/peers/catalog.py
echo "== held-out digits over ten seeds, beside PyTorch"
"$python" Benchmarks/peers/digits_seeds.py
