"""The report: Markdown from the parts' results. Each section is a function from the results and the reasons to its
lines, or none."""

import pathlib
import tomllib

import figures
import roofline
import sections_kernels as kernels
import sections_networks as of_networks
import targets
from figures import NAMES, data
from text import bold, prose, section, table

REASONS = pathlib.Path(__file__).with_name("reasons.toml")


def machine(results, reasons):
    found = data(results, "machine")
    if not found:
        return []
    caches = ", ".join(
        f"{name} {size // 1024} MB" if size >= 1024 else f"{name} {size} KB" for name, size in found["cache_kb"].items()
    )
    lines = prose(
        f"{found['cpu']} (family {found['family']}, model {found['model']}), {found['cpus']}",
        f"{'virtual ' if found['virtual'] else ''}CPUs, {', '.join(found['isa'])}; caches of a core: {caches};",
        f"{found['memory_gib']} GiB; Linux {found['kernel']}.",
    )
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    lines += prose(f"Versions: {versions}, Python {found['python']}.")
    networks = data(results, "networks")
    if networks:
        peaks = ", ".join(f"{value:.1f} GFLOP/s on {count}" for count, value in sorted(networks["fma_peak"].items()))
        lines += prose(
            f"FMA peak, the best rate of independent multiply-adds in the same run: {peaks} core(s);",
            "100 % in what follows.",
        )
        if "peaks" in networks:
            triad = roofline.bandwidths(networks["peaks"])
            rows = [
                [level, *(f"{triad[level, count]:.1f}" for count in (1, 2) if (level, count) in triad)]
                for level in roofline.LEVELS
            ]
            lines += [f"Clock {networks['peaks']['clock_ghz']['best']:.2f} GHz. Bandwidth of STREAM's triad, GB/s:", ""]
            lines += table(["level", "1 core", "2 cores"][: len(rows[0])], rows)
    return lines


def asked(results, reasons):
    rows = []
    for text, wanted, one, two, holds in targets.rows(results, reasons["catalog"]):
        rows.append([text, wanted, one, two, "not measured" if holds is None else "yes" if holds else "**no**"])
    counts = [row[-1] for row in rows]
    lines = ["## What was asked", "", f"{counts.count('yes')} of {len(rows)} hold, {counts.count('**no**')} don't.", ""]
    return lines + table(["", "at least", "1 thread", "2 threads", "holds"], rows)


def memory(results, reasons):
    found = data(results, "memory")
    if not found:
        return []
    rows = []
    for (workload, threads), of in figures.memory_table(found).items():
        if "chainrule" not in of:
            continue
        own, theirs = of["chainrule"], of.get("torch")
        pairs = [
            f"{own[field]:.1f} / {theirs[field]:.1f} ({own[field] / theirs[field]:.2f})"
            if theirs
            else f"{own[field]:.1f}"
            for field in ("total", "growth")
        ]
        share = own["private"] / own["planned"]
        rows.append(
            [
                workload,
                threads,
                *pairs,
                f"{own['planned']:.2f}",
                f"{own['private']:.2f}",
                bold(f"{share:.2f}", abs(share - 1) <= 0.05),
            ]
        )
    return [
        *section(
            "## Memory while training",
            "MiB; Chainrule / eager PyTorch (and their ratio). All: the peak of resident memory over a",
            "process that has only NumPy and the data. Growth: the same over the library's import. Planned:",
            "what `Model.memory` says before the first step. Grown: what training adds to private memory",
            "after a tiny network has been trained (`peers/memory.py`).",
        ),
        *table(["workload", "threads", "all", "growth", "planned", "grown", "grown / planned"], rows),
    ]


def checkpointing(results, reasons):
    found = data(results, "checkpointing")
    if not found:
        return []
    rows = []
    for row in found:
        kept, best = row["kept"], row["segments"]
        rows.append([row["workload"], row["threads"]])
        for field, unit in (("activations", "MiB"), ("total", "MiB"), ("ms", "ms")):
            rows[-1].append(f"{kept[field]:.1f} → {best[field]:.1f} {unit} ({best[field] / kept[field]:.2f})")
    return [
        *section(
            "## Activation checkpointing",
            "All kept → as many segments as take the least memory, in turns (`peers/checkpointing.py`): what training",
            "plans for activations and in all, and the step.",
        ),
        *table(["workload", "threads", "activations", "all", "training step"], rows),
    ]


def small_things(results, reasons):
    lines = []
    if found := data(results, "instructions"):
        lines += [
            *section(
                "## Instructions of a training step",
                "Counted by callgrind with AVX2, beside those kept in `instructions.txt` (`instructions.sh`).",
            ),
        ]
        lines += table(
            ["", "instructions", "kept"], [[row["network"], f"{row['now']:,}", f"{row['kept']:,}"] for row in found]
        )
    if found := data(results, "footprint"):
        lines += [
            *section(
                "## Import and start",
                f"The library has {found['library_mb']:.2f} MB. In processes of their own, in turns, medians:",
            ),
        ]
        rows = []
        for key, what in (("import", "import"), ("digits_memory", "resident after training the digits")):
            of, unit = found[key], found[key]["unit"]
            more = f"{of['with_chainrule'] - of['numpy']:+.1f} {unit}"
            rows.append(
                [what, f"{of['numpy']:.1f} {unit}", f"{more} (middle half {of['low']:.1f} to {of['high']:.1f})"]
            )
        lines += table(["", "NumPy", "with Chainrule"], rows)
    if found := data(results, "start"):
        lines += prose(
            "A C program from its start to its end, as its parent sees it; the networks are built and trained for",
            "one step:",
        )
        lines += table(
            ["", "time"],
            [[row["program"], f"{row['ms'][0]:.2f} ms ({row['ms'][1]:.2f} to {row['ms'][2]:.2f})"] for row in found],
        )
    if found := data(results, "seeds"):
        lines += [
            *section(
                "## Accuracy",
                "The held-out fifth of the digits, 64-64-10, 20 epochs of Adam (`peers/digits_seeds.py`):",
            ),
        ]
        lines += table(
            ["", "seeds", "mean", "deviation", "worst"],
            [
                [
                    NAMES.get({"pytorch": "torch"}.get(name, name), name),
                    row["seeds"],
                    f"{row['mean']:.2f} %",
                    f"{row['deviation']:.2f}",
                    f"{row['worst']:.2f} %",
                ]
                for name, row in found.items()
            ],
        )
    return lines


def parts(results):
    """When each part was measured, how long it took, and what failed."""
    rows = []
    for name, result in results.items():
        state = (
            result.get("failed")
            or result.get("missing")
            or (f"measured again, which failed: {result['again']}" if "again" in result else "")
        )
        rows.append([name, result["date"], result.get("commit", ""), f"{result['seconds']} s", state])
    total = sum(result["seconds"] for result in results.values())
    return [
        *section(
            "## The run",
            f"All parts together: {total // 60} min {total % 60} s.",
        ),
        *table(["part", "at (UTC)", "commit", "took", ""], rows),
    ]


QUICK = (
    "Written by `make bench-quick`. Left out: of the eleven workloads all but iris and mnist-mlp, torch.compile,"
    " scikit-learn and FANN beside them, the roofline; two of the four jobs and two threads there; all products from"
    " Python but 512 x 512; of the catalog three kinds of four, all sizes but 2^16 elements, and two threads; memory"
    " of all but iris; counted instructions, accuracy over seeds, bfloat16, checkpointing."
)
SECTIONS = (
    machine,
    asked,
    of_networks.networks,
    of_networks.roof,
    of_networks.second_thread,
    of_networks.jobs,
    of_networks.small_networks,
    of_networks.steps,
    kernels.product,
    kernels.product_c,
    kernels.optimizer,
    kernels.bfloat16,
    kernels.catalog,
    memory,
    checkpointing,
    small_things,
)


def quote(results):
    """What the README says of the report, or nothing where the networks weren't measured."""
    networks, own = data(results, "networks"), data(results, "machine")
    if not networks or not own:
        return ""

    def over(metric):
        found = sorted(row[0] for count in (1, 2) for row in figures.ratios(networks, metric, count))
        return f"{found[0]:.2f} to {found[-1]:.1f} times (geometric mean {figures.geometric_mean(found):.2f})"

    count = len(networks["workloads"])
    lines = prose(
        f"On {own['cpus']} {'virtual ' if own['virtual'] else ''}CPUs of an {own['cpu']} (family {own['family']},",
        f"model {own['model']}), called from Python, at one thread and at two, the training steps of",
        f"{count} networks, from a linear regression to a transformer, are {over('train')} as fast as",
        "with the fastest of PyTorch, torch.compile, JAX and scikit-learn on each; single predictions are",
        f"{over('infer1')} and large batches of them {over('inferN')} as fast as with the fastest of these and",
        "ONNX Runtime.",
    )
    return "\n".join(lines).strip()


def report(results, pictures):
    """All of it. `pictures`: names of what is in plots/."""
    reasons = {"catalog": {}, "roofline": {}} | tomllib.loads(REASONS.read_text())
    quick = any(result.get("quick") for result in results.values())
    lines = section(
        "# Results of the quick run" if quick else "# Results",
        QUICK
        if quick
        else "Written by `make bench WRITE=1`; nothing here is typed by hand. [README.md](README.md) says what is "
        "measured and how.",
        "Figures in bold miss what was asked. Ratios are of medians within one run; the times of two runs of a virtual",
        "machine differ by 20 % and more.",
    )
    shown = {of_networks.networks: ("training", "inference"), of_networks.roof: ("roofline",)}
    for part in SECTIONS:
        found = part(results, reasons)
        if found:  # pictures come behind the title
            found[2:2] = [f"![{name}](plots/{name}.svg)\n" for name in shown.get(part, ()) if name in pictures]
        lines += found
    return "\n".join(lines + parts(results)).rstrip() + "\n"
