"""The pictures of the report, as SVG: how many times faster than the fastest other library each workload is, and a
roofline with every workload on it."""

import figures
import matplotlib
import roofline
from figures import METRICS, OWN, data

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter  # noqa: E402

TICKS = (0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20, 50, 100)
COLORS = {1: "#1f6fb2", 2: "#e08a1e"}
plt.rcParams.update(
    {
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "svg.hashsalt": "chainrule",
        "svg.fonttype": "path",
        "axes.axisbelow": True,
        "figure.facecolor": "white",
    }
)


def ratio_bars(axes, networks, metric, title):
    """A group of bars for each workload, one for each number of threads, on a logarithmic axis around 1x."""
    of = {count: {row[1]: row for row in figures.ratios(networks, metric, count)} for count in (1, 2)}
    names = [name for name in networks["workloads"] if any(name in found for found in of.values())]
    width, top = 0.4, 1.0
    for count, found in of.items():
        for i, name in enumerate(names):
            if name not in found:
                continue
            ratio, _, peer = found[name]
            top = max(top, ratio)
            left = i + (count - 1.5) * width
            axes.bar(
                left,
                ratio - 1,
                width,
                bottom=1,
                color=COLORS[count],
                label=f"{count} thread{'s' * (count > 1)}" if i == 0 else None,
            )
            axes.annotate(
                f"{ratio:.3g}" if ratio >= 10 else f"{ratio:.2f}",
                (left, ratio),
                ha="center",
                fontsize=7.5,
                va="bottom" if ratio >= 1 else "top",
                xytext=(0, 2 if ratio >= 1 else -2),
                textcoords="offset points",
            )
    axes.axhline(1, color="#333333", linewidth=1)
    axes.set_yscale("log")
    low = min([row[0] for found in of.values() for row in found.values()] + [1.0])
    bottom, top = min(0.8, low * 0.75), top * 1.35
    axes.set_ylim(bottom, top)
    axes.yaxis.set_major_locator(FixedLocator([tick for tick in TICKS if bottom < tick < top]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="y", which="minor", length=0)
    axes.grid(axis="y", color="#dddddd", linewidth=0.7)
    axes.set_xticks(range(len(names)), names, rotation=25, ha="right")
    axes.set_ylabel("faster (above 1x)")
    axes.set_title(title, loc="left", fontsize=11)
    axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 0.98), borderaxespad=0, ncols=2)


def draw_ratios(networks, folder, name, metrics):
    figure, axes = plt.subplots(len(metrics), 1, figsize=(9, 3.6 * len(metrics)), squeeze=False, layout="constrained")
    for one, metric in zip(axes[:, 0], metrics):
        label = METRICS[metric]
        ratio_bars(
            one,
            networks,
            metric,
            f"{label[0].upper()}{label[1:]}: how many times faster than the fastest other library",
        )
    save(figure, folder, name)


def draw_roofline(networks, cache_kb, folder):
    """One panel for each number of threads: FLOP/s over FLOPs a byte, and the machine's limits."""
    counts = sorted({row["threads"] for row in networks["runs"]})
    figure, axes = plt.subplots(
        1, len(counts), figsize=(6.2 * len(counts), 5), squeeze=False, sharey=True, layout="constrained"
    )
    triad = roofline.bandwidths(networks["peaks"])
    runs = figures.network_runs(networks)
    marks = dict(zip(roofline.LEVELS, ("o", "s", "^", "D")))
    for one, count in zip(axes[0], counts):
        peak = networks["fma_peak"][str(count)]
        points = []
        for name, of in networks["workloads"].items():
            if step := figures.median(runs.get((name, count), {}), OWN, "train"):
                points.append(
                    (of["flops"] / of["bytes"], of["flops"] / step * 1e-3, name, roofline.level_of(of, cache_kb, count))
                )
        left, right = min(x for x, *_ in points) / 2, max(x for x, *_ in points) * 4
        for level in roofline.LEVELS:
            width = triad[level, count]
            knee = peak / width
            one.plot(
                [left, knee, right],
                [left * width, peak, peak] if knee > left else [peak] * 3,
                color="#777777",
                linewidth=1,
            )
            x = left * 1.15
            if x < knee:
                one.annotate(
                    f"{level} {width:.0f} GB/s",
                    (x, x * width),
                    fontsize=8,
                    color="#555555",
                    va="bottom",
                    xytext=(0, 10),
                    textcoords="offset points",
                )
        one.annotate(
            f"FMA peak {peak:.0f} GFLOP/s",
            (right, peak),
            ha="right",
            va="bottom",
            fontsize=8,
            color="#555555",
            xytext=(0, 3),
            textcoords="offset points",
        )
        seen = set()
        for x, y, _, level in points:
            one.plot(
                x,
                y,
                marks[level],
                color=COLORS[count],
                markersize=6,
                label=None if level in seen else f"a step lies in {level}",
            )
            seen.add(level)
        for x, y, name, dx, dy, side in placed(points):
            line = {"arrowstyle": "-", "color": "#aaaaaa", "linewidth": 0.6} if dy else None
            one.annotate(
                name, (x, y), (dx, dy), textcoords="offset points", fontsize=8, ha=side, va="center", arrowprops=line
            )
        one.set_xscale("log")
        one.set_yscale("log")
        one.set_xlim(left, right)
        one.set_xlabel("FLOPs of the products for each byte that moves")
        one.set_title(f"Training steps, {count} thread{'s' * (count > 1)}", loc="left", fontsize=11)
        one.legend(frameon=False, loc="lower right", fontsize=8)
    axes[0][0].set_ylabel("GFLOP/s")
    save(figure, folder, "roofline")


def placed(points):
    """Names beside their points, to the right; of points close together one below the other, the last one highest."""
    below = 0
    for x, y, name, _ in sorted(points, reverse=True):
        crowded = any(x / 3 < ox < 3 * x and y / 1.6 < oy < 1.6 * y for ox, oy, other, _ in points if other != name)
        below += crowded
        yield (x, y, name, 4, -4 - 17 * below, "left") if crowded else (x, y, name, 7, 0, "left")


def save(figure, folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    figure.savefig(folder / f"{name}.png", dpi=80) if folder.parent.name != "Benchmarks" else None
    plt.close(figure)


def draw(results, folder):
    """Draws what there are results for; the names of the pictures."""
    networks, machine = data(results, "networks"), data(results, "machine")
    if not networks:
        return []
    draw_ratios(networks, folder, "training", ["train"])
    draw_ratios(networks, folder, "inference", ["infer1", "inferN"])
    if "peaks" not in networks or not machine:
        return ["training", "inference"]
    draw_roofline(networks, machine["cache_kb"], folder)
    return ["training", "inference", "roofline"]
