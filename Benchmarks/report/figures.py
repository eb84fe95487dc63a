"""What the tables, the pictures and the targets read from the parts' results: ratios, the fastest other library,
geometric means."""

import math

OWN = "chainrule_adapter"
NAMES = {
    "chainrule_adapter": "Chainrule",
    "chainrule": "Chainrule",
    "torch_eager": "PyTorch",
    "torch_compile": "torch.compile",
    "jax_jit": "JAX",
    "sklearn_mlp": "scikit-learn",
    "onnxruntime_": "ONNX Runtime",
    "fann": "FANN",
    "torch": "PyTorch",
    "jax": "JAX",
    "sklearn": "scikit-learn",
    "xla": "XLA (JAX)",
    "mkl": "MKL (PyTorch)",
    "openblas": "OpenBLAS (NumPy)",
    "openblas-deb+": "OpenBLAS (Debian)",
    "blis-deb": "BLIS (Debian)",
}
METRICS = {"train": "training step", "infer1": "batch 1", "inferN": "large batch"}
OPTIMIZERS = ("sgd", "momentum", "adam")
SMALL = 100_000  # parameters
SMALL_JOBS = ("digits", "diabetes", "online")  # online has 101,770, and is asked for by name


def data(results, part):
    """What a part measured, or None."""
    return results.get(part, {}).get("data")


def geometric_mean(values):
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else float("nan")


def network_runs(networks):
    """(workload, threads) to contender to its run, in the order of the measurement."""
    table = {}
    for run in networks["runs"]:
        table.setdefault((run["workload"], run["threads"]), {})[run["contender"]] = run
    return table


def median(runs, contender, metric):
    """Microseconds, or None."""
    return runs.get(contender, {}).get(metric, {}).get("median_us")


def against_peers(runs, metric):
    """(ratio to the fastest other library, its name), or None where one of them is missing."""
    own = median(runs, OWN, metric)
    others = {
        name: median(runs, name, metric) for name, run in runs.items() if name != OWN and run.get("same_math", True)
    }
    others = {name: value for name, value in others.items() if value}
    if not own or not others:
        return None
    best = min(others, key=others.get)
    return others[best] / own, NAMES.get(best, best)


def ratios(networks, metric, threads):
    """(ratio, workload, fastest other library) of each workload."""
    found = []
    for (workload, count), runs in network_runs(networks).items():
        if count == threads and (pair := against_peers(runs, metric)):
            found.append((pair[0], workload, pair[1]))
    return found


def is_small(networks, workload):
    """A network of perceptrons with few parameters."""
    of = networks["workloads"][workload]
    return of["kind"] == "mlp" and of["parameters"] < SMALL


def job_table(jobs):
    """(job, threads) to contender to its result."""
    table = {}
    for row in jobs:
        table.setdefault((row["job"], row["threads"]), {})[row["contender"]] = row
    return table


def job_ratios(jobs, threads, peers=None):
    """(ratio of the warm fits to the fastest of the peers, job, its name)."""
    found = []
    for (job, count), rows in job_table(jobs).items():
        others = {
            name: row["again_s"] for name, row in rows.items() if name != "chainrule" and (not peers or name in peers)
        }
        if count == threads and others and "chainrule" in rows:
            best = min(others, key=others.get)
            found.append((others[best] / rows["chainrule"]["again_s"], job, NAMES[best]))
    return found


def product_ratio(row):
    """(ratio to the best BLAS, its name), or None."""
    others = {lib: rate for lib, rate in row["gflops"].items() if lib != "chainrule"}
    if "chainrule" not in row["gflops"] or not others:
        return None
    best = max(others, key=others.get)
    return row["gflops"]["chainrule"] / others[best], NAMES.get(best, best)


def product_share(product, row):
    return row["gflops"]["chainrule"] / product["peak"][str(row["threads"])]


def memory_table(memory):
    table = {}
    for row in memory:
        table.setdefault((row["workload"], row["threads"]), {})[row["contender"]] = row
    return table


def optimizer_shares(optimizer, threads):
    """(share of the bandwidth, name) of each optimizer: that of the loop which reads and writes the same arrays,
    since the memory's bandwidth depends on how many of the accesses are writes."""
    rows = {row["name"]: row["gbs"] for row in optimizer if row["threads"] == threads}
    return [(rows[name] / rows[f"like-{name}"], name) for name in rows if name in OPTIMIZERS]
