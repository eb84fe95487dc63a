"""Sections of the report about networks: training, inference, whole jobs, the roofline."""

import figures
import roofline
from figures import METRICS, NAMES, OWN, data, geometric_mean
from text import bold, prose, section, table, threads_of, times, us


def contenders(networks, metric):
    """Those that have this figure somewhere, Chainrule first."""
    found = {run["contender"] for run in networks["runs"] if "median_us" in run.get(metric, {})}
    return [name for name in NAMES if name in found]


def spread(run):
    return f"{us(run['median_us'])} ({us(run['p10_us'])} to {us(run['p90_us'])})"


def network_table(results, metric):
    networks = data(results, "networks")
    runs = figures.network_runs(networks)
    names = contenders(networks, metric)
    fann = {
        run["workload"]: run[metric]["median_us"]
        for run in networks.get("fann", [])
        if "median_us" in run.get(metric, {})
    }
    rows = []
    for (workload, threads), found in runs.items():
        own = found.get(OWN, {}).get(metric, {})
        if "median_us" not in own:
            continue
        pair = figures.against_peers(found, metric)
        peak = 100 * own["gflops"] / networks["fma_peak"][str(threads)]
        row = [
            workload,
            threads,
            spread(own),
            f"{bold(times(pair[0]), pair[0] >= 1)} {pair[1]}" if pair else "–",
            f"{peak:.1f} %",
        ]
        row += [us(figures.median(found, name, metric)) for name in names if name != OWN]
        rows.append(row + ([us(fann.get(workload))] if fann else []))
    head = ["workload", "threads", "Chainrule (10th to 90th percentile)", "fastest other over Chainrule", "of FMA peak"]
    head += [NAMES[name] for name in names if name != OWN] + (["FANN, 1 thread"] if fann else [])
    means = [
        f"{geometric_mean(row[0] for row in figures.ratios(networks, metric, count)):.2f}x at {count}"
        for count in threads_of(networks["runs"])
    ]
    return [*table(head, rows), "Geometric mean " + ", ".join(means) + " thread(s).", ""]


def networks(results, reasons):
    found = data(results, "networks")
    if not found:
        return []
    lines = [
        *section(
            "## Networks, from Python",
            "Medians of `run.py` of the peers' benchmark: one process for each library, workload and number",
            "of threads, pinned; all start from the same weights, and their first losses and outputs are",
            "compared. FANN has no relu, cross-entropy or Adam: its figures stand beside, and count nowhere",
            "but from C.",
        ),
    ]
    for metric, name in METRICS.items():
        if contenders(found, metric):
            lines += [f"### {name[0].upper()}{name[1:]}", "", *network_table(results, metric)]
    checks = found.get("checks", [])
    wrong = []
    for check in (check for check in checks if not check["ok"]):
        far = ", ".join(f"{NAMES.get(n, n)} {value:.1e}" for n, value in check["max_rel_dev"].items() if value > 1e-3)
        wrong.append(f"{check['workload']}, {check['threads']} thread(s), {check['what']}: {far}")
    agree = f"{len(checks) - len(wrong)} of {len(checks)} comparisons of losses and outputs agree within 0.1 %"
    lines += prose("; ".join([agree, *wrong]) + ".")
    failed = [
        f"{NAMES.get(run['contender'], run['contender'])} {run['workload']}: {run['error'][:120]}"
        for run in found["runs"]
        if "error" in run
    ]
    return lines + ([f"Failed: {'; '.join(failed)}.", ""] if failed else [])


def roof(results, reasons):
    found, own = data(results, "networks"), data(results, "machine")
    if not found or not own or "peaks" not in found:
        return []
    rows = []
    for (workload, threads), runs in figures.network_runs(found).items():
        step = figures.median(runs, OWN, "train")
        if not step:
            continue
        of = found["workloads"][workload]
        least, what, level = roofline.limit(of, threads, found["fma_peak"], found["peaks"], own["cache_kb"])
        share = 100 * least / step
        rows.append(
            [
                workload,
                threads,
                f"{of['flops'] / 1e6:.4g}",
                f"{of['bytes'] / 1e6:.4g}",
                f"{of['flops'] / of['bytes']:.1f}",
                level,
                us(least),
                what,
                us(step),
                bold(f"{share:.0f} %", share >= 70),
                "" if share >= 70 else reasons["roofline"].get(workload, ""),
            ]
        )
    lines = [
        *section(
            "## Roofline of the training steps",
            "FLOPs are those of the products and convolutions (`flops` of the peers' `workloads.py`). Bytes:",
            "the optimizer's (28 a parameter with Adam, 20 with momentum, 12 without), 12 a parameter for",
            "reading the weights twice and writing the gradients, and 4 B (2 I + 5 A) for a batch of B",
            "samples of I numbers, where A are the outputs of the layers: the input is read twice, an output",
            "is written once and read twice, its gradient written and read once. The limit is the longer of",
            "the FLOPs at the FMA peak and the bytes at the triad's bandwidth of the smallest cache level",
            "that holds what a step touches. Bold: under 70 % of the limit. Winograd's algorithm multiplies less than",
            "is counted: hence more than 100 %.",
        ),
    ]
    return lines + table(
        [
            "workload",
            "threads",
            "MFLOP",
            "MB",
            "FLOP/byte",
            "lies in",
            "limit",
            "by",
            "step",
            "of the limit",
            "next limit",
        ],
        rows,
    )


def second_thread(results, reasons):
    found = data(results, "networks")
    if not found or len(threads_of(found["runs"])) < 2:
        return []
    runs, rows = figures.network_runs(found), []
    for workload in found["workloads"]:
        row = [workload]
        for metric in METRICS:
            one, two = (figures.median(runs.get((workload, count), {}), OWN, metric) for count in (1, 2))
            row.append(f"{one / two:.2f}x of {us(one)}" if one and two else "–")
        rows.append(row)
    return [
        *section(
            "## A second thread",
            "The time with one thread over that with two.",
        ),
        *table(["workload", *METRICS.values()], rows),
    ]


def jobs(results, reasons):
    found = data(results, "jobs")
    if not found:
        return []
    names = [name for name in NAMES if any(row["contender"] == name for row in found)]
    rows = []
    for (job, threads), of in figures.job_table(found).items():
        others = {name: row["again_s"] for name, row in of.items() if name != "chainrule"}
        ratio = min(others.values()) / of["chainrule"]["again_s"] if others and "chainrule" in of else None
        rows.append(
            [
                job,
                threads,
                bold(times(ratio), ratio >= 2) if ratio else "–",
                *(
                    f"{of[name]['again_s'] * 1e3:.1f} / {of[name]['first_s'] * 1e3:.0f} ms" if name in of else "–"
                    for name in names
                ),
                ", ".join(f"{of[name]['quality']:.3f}" for name in names if name in of)
                + f" {next(iter(of.values()))['measure']}",
            ]
        )
    return [
        *section(
            "## Whole jobs through `fit`, from Python",
            "From arrays in memory to a trained model, without imports: the shortest of the fits after the",
            "first / the first. The ratio is that of the fastest other library's warm fit to Chainrule's.",
            "JAX: an epoch as a compiled scan.",
        ),
        *table(["job", "threads", "ratio", *(NAMES[name] for name in names), "quality, in this order"], rows),
    ]


def small_networks(results, reasons):
    found, whole = data(results, "networks"), data(results, "jobs")
    if not found:
        return []
    rows = []
    for (workload, threads), runs in figures.network_runs(found).items():
        own, theirs = (figures.median(runs, name, "train") for name in (OWN, "torch_eager"))
        parameters = found["workloads"][workload]["parameters"]
        if own and theirs and figures.is_small(found, workload):
            rows.append(
                [
                    f"{workload}, a step",
                    parameters,
                    threads,
                    us(own),
                    us(theirs),
                    bold(times(theirs / own), theirs / own >= 10),
                ]
            )
    for (job, threads), of in figures.job_table(whole or []).items():
        if job in figures.SMALL_JOBS and "torch" in of and "chainrule" in of:
            own, theirs = of["chainrule"]["again_s"] * 1e6, of["torch"]["again_s"] * 1e6
            rows.append(
                [f"{job}, a fit", "", threads, us(own), us(theirs), bold(times(theirs / own), theirs / own >= 10)]
            )
    head = ["", "parameters", "threads", "Chainrule", "PyTorch (eager)", ""]
    return ["## Small networks against eager PyTorch", "", *table(head, rows)]


def steps(results, reasons):
    found = data(results, "steps")
    if not found:
        return []
    rows = []
    for row in found:
        own, theirs = row["own"], row["fann"]
        rows.append(
            [
                row["network"],
                row["threads"],
                *(f"{x[0]:.0f} ns ({x[1]:.0f} to {x[2]:.0f})" for x in (own, theirs)),
                bold(times(theirs[0] / own[0]), theirs[0] / own[0] >= 4),
            ]
        )
    return [
        *section(
            "## Training steps from C",
            "In turns in one process (`c/steps.c`). FANN has one thread.",
        ),
        *table(["", "threads", "Chainrule", "FANN", ""], rows),
    ]
