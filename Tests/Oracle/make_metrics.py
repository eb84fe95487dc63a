"""Writes values_metrics.txt: predictions, targets and weights, and what scikit-learn's metrics are of them.

    python make_metrics.py

Each case has the loss that the model is trained with (metrics take predictions as it does), the metrics' text,
and a number for each metric. Tests/ABI/metrics.c reads the file.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from sklearn import metrics as sk

warnings.filterwarnings("ignore")
random = np.random.default_rng(7)
lines: list[str] = []


def numbers(array) -> str:
    return " ".join(repr(float(value)) for value in np.asarray(array, dtype=np.float64).ravel())


def case(name, loss, x, y, weight, wanted, kind="real"):
    """``wanted``: metric text to value. ``kind``: real, int32 or int64 targets."""
    x = np.asarray(x, dtype=np.float64)
    lines.append(f"case {name}")
    lines.append(f"loss {loss}")
    lines.append("metrics " + " ".join(wanted))
    lines.append(f"sizes {len(x)} {x.shape[1]} {np.asarray(y).size} {kind} {0 if weight is None else 1} {len(wanted)}")
    lines.append(numbers(x))
    lines.append(numbers(y))
    if weight is not None:
        lines.append(numbers(weight))
    lines.append(numbers(list(wanted.values())))


def softmax(x):
    power = np.exp(x - x.max(axis=1, keepdims=True))
    return power / power.sum(axis=1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def class_scores(actual, predicted, weight, averages):
    wanted = {}
    for average in averages:
        for undefined in (0, 1, np.nan):
            settings = {"average": average, "sample_weight": weight, "zero_division": undefined}
            text = f"average={average} zero_division={undefined}"
            wanted[f"precision {text}"] = sk.precision_score(actual, predicted, **settings)
            wanted[f"recall {text}"] = sk.recall_score(actual, predicted, **settings)
            wanted[f"f1 {text}"] = sk.f1_score(actual, predicted, **settings)
            wanted[f"fbeta beta=2.5 {text}"] = sk.fbeta_score(actual, predicted, beta=2.5, **settings)
            if undefined == undefined:
                wanted[f"jaccard {text}"] = sk.jaccard_score(actual, predicted, **settings)
    wanted[f"fbeta beta=0 average={averages[0]}"] = sk.fbeta_score(
        actual, predicted, beta=0, average=averages[0], sample_weight=weight
    )
    return wanted


def agreement(actual, predicted, weight):
    wanted = {
        "accuracy": sk.accuracy_score(actual, predicted, sample_weight=weight),
        "balanced_accuracy": sk.balanced_accuracy_score(actual, predicted, sample_weight=weight),
        "balanced_accuracy adjusted=true": sk.balanced_accuracy_score(
            actual, predicted, sample_weight=weight, adjusted=True
        ),
        "matthews": sk.matthews_corrcoef(actual, predicted, sample_weight=weight),
    }
    for name in ("none", "linear", "quadratic"):
        wanted[f"kappa weights={name}"] = sk.cohen_kappa_score(
            actual, predicted, weights=None if name == "none" else name, sample_weight=weight
        )
    return wanted


def ranking(actual, scores, weight, several):
    wanted = {}
    for average in ("macro", "micro", "weighted"):
        more = {"multi_class": "ovr"} if several else {}
        wanted[f"roc_auc average={average}"] = sk.roc_auc_score(
            actual, scores, average=average, sample_weight=weight, **more
        )
        wanted[f"average_precision average={average}"] = sk.average_precision_score(
            actual, scores, average=average, sample_weight=weight
        )
    return wanted


def weights(rows, wanted):
    if not wanted:
        return None
    list_ = random.integers(1, 8, rows) / 4.0
    list_[random.integers(0, rows, 3)] = 0
    return list_


def of_classes(rows, classes, weighted, kind, loss="cross_entropy", absent=()):
    x = np.round(random.normal(size=(rows, classes)) * 2, 1)
    for column in absent:
        x[:, column] = -9
    present = [column for column in range(classes) if column not in absent]
    actual = random.choice(present, rows)
    actual[: len(present)] = present
    x[np.arange(rows), actual] += np.where(random.random(rows) < 0.4, 1.5, 0)
    # No two rows of the same differences, whose softmax the last bit of exp would tell apart. Equal scores
    # come where predictions are probabilities themselves, and in the numbers of of_yes_and_no.
    x = x + random.normal(size=x.shape) / 8
    weight = weights(rows, weighted)
    if loss == "nll":
        x = np.log(softmax(x))
    predicted = x.argmax(axis=1)
    probabilities = np.exp(x) if loss == "nll" else softmax(x)
    wanted = agreement(actual, predicted, weight)
    averages = ["binary", "micro", "macro", "weighted"] if classes == 2 else ["micro", "macro", "weighted"]
    wanted |= class_scores(actual, predicted, weight, averages)
    columns = list(range(classes))
    if classes > 2:
        for k in (1, 2, 4, 9):
            wanted[f"top_k k={k}"] = sk.top_k_accuracy_score(
                actual, x, k=min(k, classes), sample_weight=weight, labels=columns
            )
    if not absent:
        scores = probabilities[:, 1] if classes == 2 else probabilities
        if classes > 2 and loss == "nll":
            scores = scores / scores.sum(axis=1, keepdims=True)
        wanted |= ranking(actual, scores, weight, classes > 2)
    wanted["log_loss"] = sk.log_loss(actual, probabilities, sample_weight=weight, labels=columns)
    y = np.eye(classes)[actual] if kind == "real" else actual
    name = f"{classes}_classes_{rows}_{kind}_{loss}{'_weighted' if weighted else ''}{'_absent' if absent else ''}"
    case(name, loss, x, y, weight, wanted, kind)


def of_yes_and_no(rows, weighted, loss):
    x = np.round(random.normal(size=rows) * 2, 1)
    actual = (x + random.normal(size=rows) * 2 > 0.3).astype(int)
    weight = weights(rows, weighted)
    probabilities = sigmoid(x)
    if loss == "bce":
        x = probabilities = np.round(probabilities, 3)
        predicted = (x > 0.5).astype(int)
    else:
        predicted = (x > 0).astype(int)
    wanted = agreement(actual, predicted, weight) | class_scores(
        actual, predicted, weight, ["binary", "micro", "macro", "weighted"]
    )
    wanted |= ranking(actual, probabilities, weight, False)
    wanted["log_loss"] = sk.log_loss(actual, probabilities, sample_weight=weight, labels=[0, 1])
    case(f"yes_{rows}_{loss}{'_weighted' if weighted else ''}", loss, x[:, None], actual, weight, wanted)


def of_several_answers(rows, columns, weighted):
    x = np.round(random.normal(size=(rows, columns)) * 2, 1)
    actual = (x + random.normal(size=x.shape) * 2 > 0.5).astype(int)
    weight = weights(rows, weighted)
    predicted = (x > 0).astype(int)
    wanted = {"accuracy": sk.accuracy_score(actual, predicted, sample_weight=weight)}
    wanted |= class_scores(actual, predicted, weight, ["micro", "macro", "weighted"])
    wanted |= ranking(actual, sigmoid(x), weight, False)
    case(f"answers_{rows}_{columns}{'_weighted' if weighted else ''}", "bce_with_logits", x, actual, weight, wanted)


def of_numbers(rows, columns, weighted, offset=0.0):
    y = np.round(random.normal(size=(rows, columns)) * 3, 2) + offset
    x = y + np.round(random.normal(size=y.shape) + 0.5, 2)
    y[0, 0] = 0
    weight = weights(rows, weighted)
    more = {"sample_weight": weight}
    wanted = {
        "mae": sk.mean_absolute_error(y, x, **more),
        "mse": sk.mean_squared_error(y, x, **more),
        "rmse": sk.root_mean_squared_error(y, x, **more),
        "r2": sk.r2_score(y, x, **more),
        "explained_variance": sk.explained_variance_score(y, x, **more),
        "median_error": sk.median_absolute_error(y, x, **more),
        "mape": sk.mean_absolute_percentage_error(y, x, **more),
    }
    counted = slice(None) if weight is None else weight > 0
    wanted["max_error"] = max(sk.max_error(y[counted, column], x[counted, column]) for column in range(columns))
    name = f"numbers_{rows}_{columns}{'_weighted' if weighted else ''}{'_far' if offset else ''}"
    case(name, "mse", x, y, weight, wanted)


def main() -> None:
    for weighted in (False, True):
        of_classes(600, 5, weighted, "int32")
        of_classes(257, 2, weighted, "int64")
        of_classes(100, 4, weighted, "real")
        of_classes(60, 3, weighted, "int64", loss="nll")
        of_classes(40, 6, weighted, "int32", absent=(2, 4))
        of_yes_and_no(530, weighted, "bce_with_logits")
        of_yes_and_no(64, weighted, "bce")
        of_several_answers(300, 3, weighted)
        of_numbers(513, 1, weighted)
        of_numbers(256, 3, weighted)
        of_numbers(7, 2, weighted)
        of_numbers(90, 2, weighted, offset=1000.0)
    (Path(__file__).parent / "values_metrics.txt").write_text("\n".join(lines) + "\nend\n")


if __name__ == "__main__":
    main()
