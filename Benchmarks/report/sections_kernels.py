"""Sections of the report about single operations: matrix products, optimizers, the catalog."""

import figures
import targets
from figures import NAMES, data, geometric_mean
from text import bold, section, table, threads_of, times, us


def product(results, reasons):
    found = data(results, "product")
    if not found:
        return []
    libs = [lib for lib in NAMES if any(lib in row["gflops"] for row in found["rows"])]
    lines = [
        *section(
            "## Matrix product",
            "GFLOP/s, from Python, each library in a process of its own, in turns shape by shape, medians",
            "(`peers/product.py`). Of a layer: fwd, dX and dW are the products with the transpositions that a",
            "framework asks for.",
        ),
    ]
    for threads in threads_of(found["rows"]):
        rows = []
        for row in found["rows"]:
            if row["threads"] != threads or "chainrule" not in row["gflops"]:
                continue
            pair, share = figures.product_ratio(row), 100 * figures.product_share(found, row)
            square = row["shape"].startswith("square") and row["m"] >= 512
            rows.append(
                [
                    row["shape"],
                    f"{row['m']} x {row['n']} x {row['k']}",
                    f"{row['gflops']['chainrule']:.1f}",
                    bold(f"{share:.1f} %", share >= 92 or not square),
                    f"{bold(times(pair[0]), pair[0] >= 1)} {pair[1]}" if pair else "–",
                    *(
                        f"{row['gflops'][lib]:.1f}" if lib in row["gflops"] else "–"
                        for lib in libs
                        if lib != "chainrule"
                    ),
                ]
            )
        head = [
            "",
            "m x n x k",
            "Chainrule",
            "of FMA peak",
            "over the best BLAS",
            *(NAMES[lib] for lib in libs if lib != "chainrule"),
        ]
        lines += [f"{threads} thread(s), FMA peak {found['peak'][str(threads)]:.1f} GFLOP/s:", "", *table(head, rows)]
    return lines


def product_c(results, reasons):
    found = data(results, "product_c")
    if not found:
        return []
    rows = [
        [
            row["size"],
            row["threads"],
            f"{row['own']:.1f}",
            f"{row['best']:.1f}",
            f"{100 * row['own'] / row['peak']:.1f} %",
            f"{row['blas']:.1f}" if row["blas"] else "–",
            times(row["own"] / row["blas"]) if row["blas"] else "–",
        ]
        for row in found
    ]
    return [
        "### From C, in turns in one process (`c/product.c`)",
        "",
        *table(["square", "threads", "Chainrule", "best", "of FMA peak", "OpenBLAS (Debian)", ""], rows),
    ]


def optimizer(results, reasons):
    found = data(results, "optimizer")
    if not found:
        return []
    rows = []
    for threads in threads_of(found):
        shares = {name: share for share, name in figures.optimizer_shares(found, threads)}
        for row in (row for row in found if row["threads"] == threads):
            share = shares.get(row["name"])
            rows.append(
                [
                    row["name"],
                    threads,
                    f"{row['ms'][0]:.2f} ms ({row['ms'][1]:.2f} to {row['ms'][2]:.2f})",
                    f"{row['gbs']:.1f}",
                    bold(f"{100 * share:.0f} %", share >= 0.9) if share else "–",
                ]
            )
    return [
        *section(
            "## Optimizer's pass over 10 million parameters",
            "One `chainrule_optimizer_step` with the gradient ready, in turns with loops that only move",
            "memory (`c/optimizer.c`); 100 % is the loop `like-` it, which reads and writes the same arrays: the",
            "bandwidth depends on the share of writes. Bytes of a parameter: sgd 12 (reads p and g, writes p),",
            "momentum 20, adam 28, triad (a = b + s c) 12. The backward pass has looked at the gradients for NaN and",
            "infinity when it added them up.",
        ),
        *table(["", "threads", "time", "GB/s", "of the bandwidth"], rows),
    ]


def bfloat16(results, reasons):
    found = data(results, "bfloat16")
    if not found:
        return []
    return [
        *section(
            "## Products of bfloat16",
            "Those of float32 beside them, in turns in one process, and PyTorch's the same way: what",
            "`peers/bfloat16.py` prints.",
        ),
        *("```text", *"\n".join(found).strip().splitlines(), "```", ""),
    ]


def catalog(results, reasons):
    found = data(results, "catalog")
    if not found:
        return []
    table_of, sizes = {}, sorted({row["elements"] for row in found["rows"]} - {0})
    for row in found["rows"]:
        table_of.setdefault(row["kind"], {})[row["threads"], row["elements"]] = row
    counts = threads_of(found["rows"])
    means = []
    for threads in counts:
        of = [row["theirs"] / row["ours"] for row in found["rows"] if row["threads"] == threads]
        means.append(
            f"{geometric_mean(of):.2f}x at {threads} thread(s) ({sum(x < 1 for x in of)} of {len(of)} figures under 1x)"
        )
    lines = [
        *section(
            "## Each kind of the catalog, forward and backward",
            f"{len(table_of)} of the {found['all_kinds']} kinds beside PyTorch's operator",
            f"(`peers/catalog.py`); geometric mean {', '.join(means)}. The figures are PyTorch's time over",
            "Chainrule's, each in a process of its own in turns, with inputs of so many elements.",
        ),
    ]
    lowest = {kind: min((row["theirs"] / row["ours"], key) for key, row in of.items()) for kind, of in table_of.items()}
    slow = sorted((ratio, key, kind) for kind, (ratio, key) in lowest.items() if ratio < targets.UNDER)
    lines += [f"### Under {targets.UNDER}x at some size", ""]
    lines += (
        table(
            ["kind", "lowest", "threads", "elements", "Chainrule", "reason"],
            [
                [
                    kind,
                    times(ratio),
                    key[0],
                    key[1] or "of the case",
                    us(table_of[kind][key]["ours"] * 1e6),
                    targets.reason(found["rows"], reasons["catalog"], kind),
                ]
                for ratio, key, kind in slow
            ],
        )
        if slow
        else ["None.", ""]
    )
    if found["left"]:
        lines += ["Not measured: " + "; ".join(f"{kind}: {why}" for kind, why in found["left"].items()) + ".", ""]
    rows = []
    for kind, of in table_of.items():
        cells = [of.get((threads, size)) or of.get((threads, 0)) for threads in counts for size in sizes]
        rows.append(
            [
                kind,
                *(
                    bold(times(row["theirs"] / row["ours"]), row["theirs"] / row["ours"] >= targets.UNDER)
                    + ("°" if row["elements"] == 0 else "")
                    if row
                    else "–"
                    for row in cells
                ),
            ]
        )
    head = ["kind", *(f"{size}, {threads} thr." for threads in counts for size in sizes)]
    return [
        *lines,
        "<details><summary>All kinds (° with the case's own number of samples)</summary>",
        "",
        *table(head, rows),
        "</details>",
        "",
    ]
