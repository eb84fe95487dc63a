"""The report of `make bench`, made of made-up results: every table is there, what misses its target says so, and a part
that failed is named. Nothing is measured."""

import sys

from conftest import ROOT

sys.path.insert(0, str(ROOT / "Benchmarks" / "report"))
import document  # noqa: E402
import targets  # noqa: E402

LEVELS = ("L1", "L2", "L3", "DRAM")


def timing(us):
    return {"median_us": us, "p10_us": us * 0.9, "p90_us": us * 1.1, "gflops": 10.0}


def run(contender, threads, us):
    times = {metric: timing(us) for metric in ("train", "infer1", "inferN")}
    return {"contender": contender, "workload": "tiny", "threads": threads, "same_math": True, **times}


def networks(own, theirs):
    tiny = {"kind": "mlp", "parameters": 100, "flops": 2e4, "bytes": 1e4, "touched": 5e3, "batch": 8}
    return {
        "fma_peak": {"1": 100.0, "2": 200.0},
        "peaks": {
            "clock_ghz": {"best": 3.0},
            "bandwidth_gbs": [
                {"kernel": "triad", "level": level, "threads": threads, "best": 50.0 / (i + 1)}
                for i, level in enumerate(LEVELS)
                for threads in (1, 2)
            ],
        },
        "checks": [{"ok": True}],
        "workloads": {"tiny": tiny},
        "runs": [
            run(name, threads, us)
            for name, us in (("torch_eager", theirs), ("chainrule_adapter", own))
            for threads in (1, 2)
        ],
    }


def made_up(own=1.0):
    """Results of all parts; own: microseconds of Chainrule where PyTorch takes 20."""
    job = {"job": "digits", "measure": "accuracy", "quality": 0.9, "first_s": 2.0}
    parts = {
        "machine": {
            "cpu": "A CPU",
            "family": "1",
            "model": "2",
            "cpus": 2,
            "virtual": True,
            "isa": ["fma"],
            "memory_gib": 8,
            "cache_kb": {"L1": 32, "L2": 1024, "L3": 32768},
            "kernel": "6",
            "python": "3",
            "versions": {"chainrule": "0.1.0"},
        },
        "networks": networks(own, 20.0),
        "jobs": [
            {**job, "contender": name, "threads": 1, "again_s": s} for name, s in (("chainrule", 0.1), ("torch", 1.5))
        ],
        "steps": [{"network": "xor", "threads": 1, "own": [100, 90, 110], "fann": [300, 290, 310]}],
        "optimizer": [
            {"name": name, "threads": 1, "ms": [3, 2, 4], "gbs": rate}
            for name, rate in (("adam", 45.0), ("like-adam", 40.0), ("triad", 30.0))
        ],
        "product": {
            "peak": {"1": 100.0},
            "rows": [
                {
                    "shape": "square 512",
                    "m": 512,
                    "n": 512,
                    "k": 512,
                    "threads": 1,
                    "gflops": {"chainrule": 95, "xla": 96},
                }
            ],
        },
        "product_c": [{"size": 512, "threads": 1, "own": 95.0, "best": 96.0, "peak": 100.0, "blas": 90.0}],
        "catalog": {
            "kinds": 2,
            "all_kinds": 3,
            "left": {"input": "nothing to compute"},
            "rows": [
                {"kind": kind, "case": kind, "elements": 1024, "threads": 1, "theirs": 1e-5, "ours": ours}
                for kind, ours in (("relu", 1e-6), ("no_such_kind", 1e-4))
            ],
        },
        "memory": [
            {
                "workload": "tiny",
                "contender": name,
                "threads": 1,
                "total": mib,
                "growth": mib,
                "private": 1.0,
                "planned": 0.5,
            }
            for name, mib in (("chainrule", 1.0), ("torch", 9.0))
        ],
        "instructions": [{"network": "xor", "now": 105, "kept": 100}],
        "footprint": {
            "library_mb": 7.9,
            **{
                key: {"numpy": 50.0, "with_chainrule": 60.0, "low": 9.0, "high": 11.0, "unit": "ms"}
                for key in ("import", "digits_memory")
            },
        },
        "start": [{"program": "xor", "ms": [2.0, 1.9, 2.1]}],
        "seeds": {"chainrule": {"mean": 89.0, "deviation": 0.4, "worst": 88.0, "seeds": 10}},
    }
    return {name: {"date": "today", "seconds": 1, "data": data} for name, data in parts.items()}


def verdicts(text):
    """What is asked to the last column of its row."""
    section = text.split("## What was asked")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return {row[0].strip(): row[-1].strip() for row in rows}


def test_tables_and_verdicts():
    text = document.report(made_up(), ["training"])
    for title in (
        "Networks",
        "Roofline",
        "A second thread",
        "Whole jobs",
        "Matrix product",
        "Optimizer's pass",
        "Each kind",
        "Memory",
        "Instructions",
        "Import and start",
        "Accuracy",
        "The run",
    ):
        assert f"## {title}" in text
    assert "![training](plots/training.svg)" in text and "inference.svg" not in text
    found = {target.split(",")[0]: verdict for target, verdict in verdicts(text).items()}
    assert found["training step of each workload"] == "yes"
    assert found["linreg"] == "**no**"  # 3x, 4x is asked
    assert found["squares of 512 to 2048"] == "yes"
    assert found["squares of 256 to 2048 and each shape of the networks"] == "**no**"  # 95 beside 96
    assert found["each kind of the catalog against PyTorch's operator"] == "**no**"  # one is slow, without a reason
    assert found["memory that training adds"] == "**no**"
    assert found["instructions of a step"] == "**no**"


def test_slower_than_others_is_said():
    text = document.report(made_up(own=40.0), [])
    assert "**0.50x** PyTorch" in text
    assert [verdict for target, verdict in verdicts(text).items() if target.startswith(("training", "inference"))] == [
        "**no**"
    ] * 2


def test_what_failed_is_named():
    results = made_up()
    results["networks"] = {"date": "today", "seconds": 2, "missing": "the peers' benchmark is not there"}
    results["jobs"] = {"date": "today", "seconds": 3, "failed": "RuntimeError: it broke"}
    text = document.report(results, [])
    assert "the peers' benchmark is not there" in text and "it broke" in text
    assert "not measured" in verdicts(text).values()
    assert document.report({}, [])


def test_pictures(tmp_path):
    import plots

    names = plots.draw(made_up(), tmp_path)
    assert names == ["training", "inference", "roofline"]
    for name in names:
        assert (tmp_path / f"{name}.svg").read_text().startswith("<?xml")


def test_reasons_of_slow_kinds():
    def row(kind, threads, ratio):
        return {"kind": kind, "elements": 1024, "threads": threads, "theirs": ratio, "ours": 1.0}

    rows = [row("flip", 1, 0.5), row("relu", 1, 0.9), row("relu", 2, 0.5), row("exp", 1, 0.5), row("exp", 2, 0.5)]
    known = {"flip": "short rows", "two threads": "memory"}
    assert [targets.reason(rows, known, kind) for kind in ("flip", "relu", "exp")] == ["short rows", "memory", ""]
