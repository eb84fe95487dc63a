"""The parts of the benchmark: a function each, from the Bench to what it measured. Times are medians with their 10th
and 90th percentile; each part has what it compares in one run, in turns."""

import json
import os
import pathlib
import platform
import re

import roofline

NUMBER = r"([\d.]+)"
SPREAD = rf"{NUMBER} (?:ns|ms) \({NUMBER} to {NUMBER}\)"


class Missing(Exception):
    """What a part measures is not on this machine."""


def first_line(text):
    return (text.strip().splitlines() or [""])[0]


def machine(bench):
    """CPU, caches and versions."""
    fields = dict(line.split(":", 1) for line in open("/proc/cpuinfo") if ":" in line)
    cpu = {key.strip(): value.strip() for key, value in fields.items()}
    caches = {}
    for index in sorted(pathlib.Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind, level, size = ((index / name).read_text().strip() for name in ("type", "level", "size"))
        if kind != "Instruction":
            caches[f"L{level}"] = int(size.rstrip("K"))
    header = (bench.root / "Include" / "chainrule.h").read_text()
    versions = {"chainrule": ".".join(re.findall(r"#define CHAINRULE_VERSION_[A-Z]+ (\d+)", header))}
    for package in ("numpy", "torch", "jax", "jaxlib", "scikit-learn", "onnxruntime"):
        code = f"import importlib.metadata as m; print(m.version({package!r}))"
        versions[package] = first_line(bench.run(bench.python, "-c", code, accept=(0, 1)))
    for package in ("libfann2", "libopenblas0-pthread", "libblis4"):
        versions[package] = first_line(bench.run("dpkg-query", "-W", "-f", "${Version}", package, accept=(0, 1)))
    return {
        "cpu": cpu.get("model name", platform.machine()),
        "family": cpu.get("cpu family"),
        "model": cpu.get("model"),
        "cpus": len(bench.cpus),
        "virtual": "hypervisor" in cpu.get("flags", ""),
        "cache_kb": caches,
        "isa": [name for name in ("avx2", "fma", "avx512f", "avx512_bf16") if name in cpu.get("flags", "").split()],
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": platform.release().split("-")[0],
        "python": platform.python_version(),
        "versions": {name: version for name, version in versions.items() if version},
    }


def peers_run(bench, work, out, contenders, workloads, parts, *options):
    """The peers' run.py."""
    out.unlink(missing_ok=True)
    lists = [",".join(names) for names in (contenders, workloads)]
    what = ["--quick", "--contenders", lists[0], "--workloads", lists[1], "--parts", parts, "--out", out, *options]
    bench.run(bench.python, "run.py", *what, cwd=work, limit=2400)
    return json.loads(out.read_text()) if out.exists() else None


def beside_chainrule(bench, work, out, contenders, workloads, parts, threads):
    """The same with Chainrule's adapter."""
    adapter = bench.root / "Benchmarks" / "peers" / "chainrule_adapter.py"
    options = ["--adapter", adapter, "--threads", ",".join(map(str, threads))]
    return peers_run(bench, work, out, contenders, workloads, parts, *options)


FROM_PYTHON = ["torch_eager", "torch_compile", "jax_jit", "sklearn_mlp", "onnxruntime_", "chainrule_adapter"]


def prepare(bench):
    """torch.compile's kernels, compiled ahead; kept in build/benchmarks/peers/.cache. Minutes, the first time."""
    work = bench.peers()
    bench.needs("torch")
    if bench.quick:
        return {}
    peers_run(bench, work, bench.build / "prepare.json", ["torch_compile"], roofline.workloads(work), "prepare")
    return {}


def networks(bench):
    """The peers' workloads: training step, prediction of one and of many."""
    work = bench.peers()
    bench.needs("torch", "jax", "sklearn", "onnxruntime", "cffi")
    names = ["iris", "mnist-mlp"] if bench.quick else list(roofline.workloads(work))
    contenders = ["torch_eager", "jax_jit", "onnxruntime_", "chainrule_adapter"] if bench.quick else FROM_PYTHON
    parts = "net" if bench.quick else "peaks,net"
    data = beside_chainrule(bench, work, bench.build / "networks.json", contenders, names, parts, bench.threads)
    small = [name for name in names if name in ("linreg", "xor", "iris", "tabular")]
    fann = None if bench.quick else beside_chainrule(bench, work, bench.build / "fann.json", ["fann"], small, "net", [1])
    data["fann"] = [run for run in (fann or {"runs": []})["runs"] if run["contender"] == "fann"]
    data["workloads"] = {name: roofline.describe(work, name) for name in names}
    return data


def jobs(bench):
    """Whole jobs through fit."""
    work = bench.peers()
    bench.needs("torch", "jax", "sklearn", "cffi")
    quick = (
        ["--jobs", "digits,diabetes", "--threads", "1", "--contenders", "chainrule,jax,torch"] if bench.quick else []
    )
    threads = [] if bench.quick else ["--threads", ",".join(map(str, bench.threads))]
    return bench.script("jobs.py", "--peers", work, "--rounds", 1, *quick, *threads)


def product(bench):
    """The matrix product beside the BLAS libraries: squares, and every shape of the networks of perceptrons."""
    work = bench.peers()
    bench.needs("torch", "jax", "cffi")
    if bench.quick:
        what = ["--rounds", 1, "--sizes", "512", "--threads", 1, "--libs", "chainrule,xla,mkl"]
    else:
        threads = ",".join(map(str, bench.threads))
        what = ["--rounds", 3, "--sizes", "256,512,1024,2048", "--layers", "--threads", threads]
        what += ["--libs", "chainrule,xla,mkl,openblas"]
    return bench.script("product.py", "--peers", work, *what)


def product_c(bench):
    """The matrix product from C, at one thread beside Debian's OpenBLAS: at two, its threads spin in our turn."""
    program = bench.compile("product", "-pthread", "-lchainrule", "-ldl")
    blas = sorted(pathlib.Path("/usr/lib").glob("*/openblas-pthread/libopenblas.so.0"))
    rows = []
    line = re.compile(
        rf"^ *(\d+)  chainrule +{NUMBER} GFLOP/s \(best +{NUMBER}, +{NUMBER} % of peak +{NUMBER}\) +BLAS +{NUMBER}",
        re.M,
    )
    for threads in bench.threads[: 1 if bench.quick else None]:
        text = bench.run(
            program,
            threads,
            *(blas[:1] if threads == 1 else []),
            cpus=bench.on(threads),
            environment={"OPENBLAS_NUM_THREADS": "1", "OPENBLAS_CORETYPE": coretype()},
        )
        for size, own, best, _, peak, theirs in line.findall(text):
            rows.append(
                {
                    "size": int(size),
                    "threads": threads,
                    "own": float(own),
                    "best": float(best),
                    "peak": float(peak),
                    "blas": float(theirs),
                }
            )
    return rows


def coretype():
    """Which kernels OpenBLAS, older than the CPU, is to take."""
    return "SkylakeX" if "avx512f" in pathlib.Path("/proc/cpuinfo").read_text() else "Haswell"


def steps(bench):
    """Training steps of tiny networks from C, beside FANN."""
    try:
        program = bench.compile("steps", "-lchainrule", "-lfloatfann", "-lm")
    except RuntimeError as error:
        raise Missing(f"libfann-dev is not installed ({error})") from error
    rows = []
    for threads in bench.threads:
        text = bench.run(program, threads, cpus=bench.on(threads), accept=(0, 1))
        for name, *numbers in re.findall(rf"^(\S+) +chainrule +{SPREAD} +FANN +{SPREAD}", text, re.M):
            own, theirs = map(float, numbers[:3]), map(float, numbers[3:])
            rows.append({"network": name, "threads": threads, "own": list(own), "fann": list(theirs)})
    return rows


def optimizer(bench):
    """The optimizers' pass over 10 million parameters beside loops that only move memory."""
    program = bench.compile("optimizer", "-O3", "-march=native", "-pthread", "-lchainrule")
    rows = []
    for threads in bench.threads:
        text = bench.run(program, threads, cpus=bench.on(threads))
        for name, *spread, rate in re.findall(rf"^(\S+) +{SPREAD} +{NUMBER} GB/s", text, re.M):
            rows.append({"name": name, "threads": threads, "ms": [float(x) for x in spread], "gbs": float(rate)})
    return rows


def catalog(bench):
    """Each kind of the catalog, forward and backward, beside PyTorch; one process for each number of threads."""
    bench.needs("torch", "cffi")
    rows, result = [], {}
    for threads in bench.threads[: 1 if bench.quick else None]:
        sizes = ["--elements", "65536", "--every", "4"] if bench.quick else ["--elements", "1024,65536,1048576"]
        result = bench.script(
            "catalog.py",
            "--threads",
            threads,
            *sizes,
            cpus=bench.on(threads),
            environment={"OMP_NUM_THREADS": str(threads), "CHAINRULE_THREADS": str(threads)},
        )
        rows += result["rows"]
    return {**result, "rows": rows}


def memory(bench):
    """Resident memory while training."""
    work = bench.peers()
    bench.needs("torch", "cffi")
    names = ["--workloads", "iris"] if bench.quick else []
    return bench.script("memory.py", "--peers", work, *names, cpus=bench.on(1))


def instructions(bench):
    """Instructions of a training step, by callgrind, and those kept as the standard."""
    if bench.quick:
        raise Missing("left out of the quick run")
    try:
        text = bench.run("Benchmarks/instructions.sh", accept=(0, 1))
    except FileNotFoundError as error:
        raise Missing("valgrind is not installed") from error
    found = re.findall(r"(\S+?):? (?:- )?(\d+) instructions a step, (?:more than 2 % over )?(\d+)", text)
    if not found:
        raise Missing(first_line(text))
    return [{"network": name, "now": int(now), "kept": int(kept)} for name, now, kept in found]


def footprint(bench):
    """The library's size, the import's time, and memory after the digits, over NumPy's."""
    bench.needs("numpy", "cffi")
    return bench.script("footprint.py", "--runs", 5 if bench.quick else 20)


def start(bench):
    """From the start of a C program to its end after one training step."""
    program, step = bench.compile("start"), bench.compile("instructions", "-lchainrule")
    rows = []
    for name, command in (
        ("an empty program", ["/bin/true"]),
        ("xor", [step, "xor", 1]),
        ("mnist-mlp", [step, "mnist-mlp", 1]),
    ):
        text = bench.run(program, 10 if bench.quick else 50, *command, cpus=bench.on(1))
        rows.append({"program": name, "ms": [float(x) for x in re.search(SPREAD, text).groups()]})
    return rows


def seeds(bench):
    """Accuracy on held-out digits over ten seeds."""
    if bench.quick:
        raise Missing("left out of the quick run")
    bench.needs("torch", "cffi")
    out = bench.build / "part.json"
    bench.run(bench.python, "Benchmarks/peers/digits_seeds.py", out)
    return json.loads(out.read_text())


def bfloat16(bench):
    """Products of bfloat16 beside those of float32: accuracy and speed, as the program prints them."""
    if not (bench.root / "Benchmarks" / "peers" / "bfloat16.py").exists():
        raise Missing("this version has no products of bfloat16")
    if bench.quick:
        raise Missing("left out of the quick run")
    bench.needs("torch", "cffi")
    texts = []
    for threads in bench.threads:
        # The accuracy does not depend on threads; PyTorch's would spin in our turn.
        more = ["--seeds", 5] if threads == 1 else ["--seeds", 1, "--without-torch"]
        texts.append(
            bench.run(
                bench.python,
                "Benchmarks/peers/bfloat16.py",
                *("--threads", threads, "--rounds", 7, *more),
                cpus=bench.on(threads),
                environment={"OMP_NUM_THREADS": str(threads)},
            )
        )
    return texts


def checkpointing(bench):
    """What activation checkpointing saves, and what it costs."""
    work = bench.peers()
    bench.needs("cffi")
    if "chainrule_trainer_set_checkpoint_segments" not in (bench.root / "Include" / "chainrule.h").read_text():
        raise Missing("this version has no activation checkpointing")
    if bench.quick:
        raise Missing("left out of the quick run")
    return bench.script("checkpointing.py", "--peers", work, cpus=bench.on(1))


PARTS = {
    function.__name__: function
    for function in (
        machine,
        steps,
        start,
        footprint,
        instructions,
        optimizer,
        product_c,
        prepare,
        networks,
        jobs,
        product,
        catalog,
        memory,
        seeds,
        bfloat16,
        checkpointing,
    )
}
