"""What the benchmark must show, and whether it does: a function for each target, from the results and a number of
threads to (what was measured, whether it holds), or None where nothing was measured."""

import figures
from figures import data, geometric_mean

UNDER = 0.8  # of PyTorch's speed: an operator slower than that needs a reason


def lowest(found, unit="x"):
    """The worst of (ratio, what, against what)."""
    ratio, *names = min(found)
    return f"{ratio:{'.2f' if unit == 'x' else '.1f'}}{unit} ({', '.join(names)})"


def training(results, threads):
    if not (networks := data(results, "networks")):
        return None
    found = figures.ratios(networks, "train", threads)
    mean = geometric_mean(row[0] for row in found)
    return f"worst {lowest(found)}, mean {mean:.2f}x", min(found)[0] >= 1 and mean >= 3


def jobs(results, threads):
    if not (measured := data(results, "jobs")):
        return None
    found = figures.job_ratios(measured, threads)
    return (f"worst {lowest(found)}", min(found)[0] >= 2) if found else None


def small_networks(results, threads):
    networks, whole = data(results, "networks"), data(results, "jobs")
    if not networks:
        return None
    found = []
    for (workload, count), runs in figures.network_runs(networks).items():
        own, theirs = (figures.median(runs, name, "train") for name in (figures.OWN, "torch_eager"))
        if count == threads and own and theirs and figures.is_small(networks, workload):
            found.append((theirs / own, workload))
    found += [row[:2] for row in figures.job_ratios(whole or [], threads, {"torch"}) if row[1] in figures.SMALL_JOBS]
    return f"worst {lowest(found)}", min(found)[0] >= 10


def fann(results, threads):
    if not (steps := data(results, "steps")):
        return None
    found = [(row["fann"][0] / row["own"][0], row["network"]) for row in steps if row["threads"] == threads]
    return f"worst {lowest(found)}", min(found)[0] >= 4


def inference(results, threads):
    if not (networks := data(results, "networks")):
        return None
    found = [
        (*row, figures.METRICS[metric])
        for metric in ("infer1", "inferN")
        for row in figures.ratios(networks, metric, threads)
    ]
    mean = geometric_mean(row[0] for row in found)
    return f"worst {lowest(found)}, mean {mean:.2f}x", min(found)[0] >= 1 and mean >= 2


def product_peak(results, threads):
    if not (product := data(results, "product")):
        return None
    found = [
        (100 * figures.product_share(product, row), row["shape"])
        for row in product["rows"]
        if row["threads"] == threads and row["shape"].startswith("square") and row["m"] >= 512
    ]
    return (f"worst {lowest(found, ' %')}", min(found)[0] >= 92) if found else None


def product_blas(results, threads):
    if not (product := data(results, "product")):
        return None
    found = []
    for row in product["rows"]:
        if row["threads"] == threads and (pair := figures.product_ratio(row)):
            found.append((pair[0], row["shape"], pair[1]))
    below = sum(row[0] < 1 for row in found)
    return (f"worst {lowest(found)}; {below} of {len(found)} shapes under 1x", below == 0) if found else None


def two_threads(results, threads):
    """A short step's two medians count as the same where the second lies between the first's percentiles."""
    if not (networks := data(results, "networks")) or threads != 2:
        return None
    runs, long, short = figures.network_runs(networks), [], []
    for workload in networks["workloads"]:
        one, two = (runs.get((workload, count), {}).get(figures.OWN, {}).get("train", {}) for count in (1, 2))
        if "median_us" not in one or "median_us" not in two:
            continue
        ratio = one["median_us"] / two["median_us"]
        if one["median_us"] > 100:
            long.append((ratio, workload))
        else:
            short.append((ratio if two["median_us"] > one["p90_us"] else max(ratio, 1.0), workload))
    texts = [f"over 100 us worst {lowest(long)}"] if long else []
    texts += [f"under 100 us worst {lowest(short)}"] if short else []
    holds = all(row[0] >= 1.8 for row in long) and all(row[0] >= 1 for row in short)
    return ("; ".join(texts), holds) if texts else None


def optimizer(results, threads):
    if not (measured := data(results, "optimizer")):
        return None
    found = figures.optimizer_shares(measured, threads)
    return (
        (f"worst {lowest([(100 * share, name) for share, name in found], ' %')}", min(found)[0] >= 0.9)
        if found
        else None
    )


def reason(rows, reasons, kind):
    """Why a kind is slow: its own reason, or the one of all kinds that are slow with two threads only."""
    alone = [row for row in rows if row["kind"] == kind and row["threads"] == 1]
    only_with_two = alone and all(row["theirs"] / row["ours"] >= UNDER for row in alone)
    return reasons.get(kind) or (reasons.get("two threads", "") if only_with_two else "")


def operators(results, threads, reasons):
    if not (catalog := data(results, "catalog")):
        return None
    rows = [
        (row["theirs"] / row["ours"], row["kind"], str(row["elements"]))
        for row in catalog["rows"]
        if row["threads"] == threads
    ]
    if not rows:
        return None
    mean = geometric_mean(row[0] for row in rows)
    slow = {kind for ratio, kind, _ in rows if ratio < UNDER}
    bare = [kind for kind in sorted(slow) if not reason(catalog["rows"], reasons, kind)]
    text = f"mean {mean:.2f}x; {len(slow)} kinds under {UNDER}x at some size, {len(bare)} of them without a reason"
    return f"{text}; worst {lowest(rows)}", mean >= 2 and not bare


def memory(field):
    def of(results, threads):
        if not (measured := data(results, "memory")):
            return None
        networks = data(results, "networks")
        found = {True: [], False: []}
        for (workload, count), rows in figures.memory_table(measured).items():
            if count == threads and len(rows) == 2 and networks and workload in networks["workloads"]:
                small = networks["workloads"][workload]["parameters"] < figures.SMALL
                found[small].append((rows["chainrule"][field] / rows["torch"][field], workload))
        texts = [
            f"{name}: worst {max(rows)[0]:.2f} ({max(rows)[1]})"
            for name, rows in (("small", found[True]), ("large", found[False]))
            if rows
        ]
        holds = all(row[0] <= 1 / 3 for row in found[True]) and all(row[0] <= 0.7 for row in found[False])
        return ("; ".join(texts), holds) if texts else None

    return of


def plan(results, threads):
    if not (measured := data(results, "memory")):
        return None
    found = [
        (row["private"] / row["planned"], row["workload"])
        for row in measured
        if row["contender"] == "chainrule" and row["threads"] == threads
    ]
    off = [row for row in found if abs(row[0] - 1) > 0.05]
    if not found:
        return None
    worst = max(found, key=lambda row: abs(row[0] - 1))
    return f"{len(found) - len(off)} of {len(found)} within 5 %; worst {worst[0]:.2f} of the plan ({worst[1]})", not off


def imported(results, threads):
    if not (measured := data(results, "footprint")) or threads != 1:
        return None
    over = measured["import"]["with_chainrule"] - measured["import"]["numpy"]
    return f"{over:.1f} ms", over <= 30


def started(results, threads):
    if not (measured := data(results, "start")) or threads != 1:
        return None
    found = [(row["ms"][0], row["program"]) for row in measured if row["program"] != "an empty program"]
    return f"worst {max(found)[0]:.1f} ms ({max(found)[1]})", max(found)[0] <= 5


def counted(results, threads):
    if not (measured := data(results, "instructions")) or threads != 1:
        return None
    worst = max((row["now"] / row["kept"], row["network"]) for row in measured)
    return f"worst {100 * (worst[0] - 1):+.1f} % ({worst[1]})", worst[0] <= 1.02


TARGETS = (
    ("training step of each workload, from Python, against the fastest other library", "1.0x each, mean 3x", training),
    ("whole jobs through `fit` against the fastest other library's warm fit", "2x", jobs),
    ("networks under 100,000 parameters and the small jobs against eager PyTorch", "10x", small_networks),
    ("linreg, xor and iris from C against FANN", "4x", fann),
    ("inference, batch 1 and large, against the fastest other library", "1.0x each, mean 2x", inference),
    ("squares of 512 to 2048, of the FMA peak", "92 %", product_peak),
    ("squares of 256 to 2048 and each shape of the networks, against the best BLAS", "1.0x", product_blas),
    ("a second thread: steps over 100 us, and under", "1.8x, not slower", two_threads),
    ("optimizer's pass over 10 million parameters, of the memory's bandwidth", "90 %", optimizer),
    ("each kind of the catalog against PyTorch's operator", "mean 2x, a reason under 0.8x", operators),
    ("memory while training, of PyTorch's: all over NumPy's", "1/3 small, 0.7 large", memory("total")),
    ("memory while training, of PyTorch's: what training adds to the import", "1/3 small, 0.7 large", memory("growth")),
    ("memory that training adds, beside the plan", "within 5 %", plan),
    ("`import chainrule` over NumPy's", "30 ms", imported),
    ("a C program from its start to its end after one step", "5 ms", started),
    ("instructions of a step, over those kept", "2 %", counted),
)


def rows(results, reasons):
    """(target, asked, text at one thread, text at two, holds or None)."""
    for text, asked, function in TARGETS:
        found = []
        for threads in (1, 2):
            try:
                found.append(
                    function(results, threads, reasons) if function is operators else function(results, threads)
                )
            except ValueError:  # nothing to take the worst of
                found.append(None)
        measured = [pair for pair in found if pair]
        yield (
            text,
            asked,
            *(pair[0] if pair else "" for pair in found),
            all(pair[1] for pair in measured) if measured else None,
        )
