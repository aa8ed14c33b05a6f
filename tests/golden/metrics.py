"""Golden values of src/head/metrics/tests.rs: scores of made-up predictions.

    python3 -m venv venv && venv/bin/pip install scikit-learn==1.9.1 statsmodels==0.15.0
    venv/bin/python tests/golden/metrics.py > tests/golden/metrics.json

Made with scikit-learn 1.9.1, numpy 2.4.6, scipy 1.17.1, statsmodels 0.15.0. Log loss is on float32
probabilities clipped at float32's epsilon, as scikit-learn does, summed in float64; the calibration
error is equation 3 of Guo et al. 2017 written out. The intervals of precision and recall are
statsmodels' Wilson intervals; those of areas are roots of Newcombe's equation by scipy's brentq.
"""

import json

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm
from sklearn import metrics as m
from statsmodels.stats.proportion import proportion_confint

Z = norm.ppf(0.975)


def wilson(share, n):
    return [min(max(float(x), 0.0), 1.0) for x in proportion_confint(share * n, n, method="wilson")]


def newcombe(area, m, n):
    N = (m + n) / 2 - 1
    v = lambda a: a * (1 - a) / (m * n) * (1 + N * ((1 - a) / (2 - a) + a / (1 + a)))
    h = lambda a: (area - a) ** 2 - Z * Z * v(a)
    low = 0.0 if area == 0 else brentq(h, 0, area if area < 1 else 1 - 1e-9, xtol=1e-14)
    high = 1.0 if area == 1 else brentq(h, area if area > 0 else 1e-9, 1, xtol=1e-14)
    return [low, high]


def ece(p, y):
    confidence, right = p.max(1).astype(float), p.argmax(1) == y
    bins = np.clip(np.ceil(confidence * 15).astype(int) - 1, 0, 14)
    return sum(abs((right - confidence)[bins == b].sum()) for b in range(15)) / len(y)


def case(seed, n, k, labels, sharp):
    rng = np.random.default_rng(seed)
    y = rng.choice(labels, n)
    logits = rng.normal(size=(n, k))
    logits[np.arange(n), y] += sharp
    # Multiples of 1/64 are exact in float32, and come more than once: ties.
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    p = np.floor(p * 64)
    p[:, 0] += 64 - p.sum(1)
    p = (p / 64).astype(np.float32)
    said = p.argmax(1)
    truth = p[np.arange(n), y].astype(float)
    onehot = np.eye(k)[y]
    precision, recall, f1, support = m.precision_recall_fscore_support(
        y, said, labels=range(k), zero_division=np.nan
    )
    classes = []
    for c in range(k):
        own = y == c
        predicted = int((said == c).sum())
        has = 0 < own.sum() < n
        auc = m.roc_auc_score(own, p[:, c]) if has else None
        ap = m.average_precision_score(own, p[:, c]) if own.any() else None
        jaccard = (own & (said == c)).sum(), (own | (said == c)).sum()
        number = lambda x: None if np.isnan(x) else float(x)
        ends = lambda part, n: wilson(part / n, n) if n else None
        classes.append(
            {
                "class": str(c),
                "support": int(support[c]),
                "precision": number(precision[c]),
                "precision_ci95": ends((own & (said == c)).sum(), predicted),
                "recall": number(recall[c]) if own.any() else None,
                "recall_ci95": ends((own & (said == c)).sum(), own.sum()),
                "f1": number(f1[c]) if jaccard[1] else None,
                "f1_ci95": [2 * j / (1 + j) for j in ends(*jaccard)] if jaccard[1] else None,
                "roc_auc": auc,
                "roc_auc_ci95": newcombe(auc, own.sum(), n - own.sum()) if has else None,
                "average_precision": ap,
                "average_precision_ci95": wilson(ap, own.sum()) if own.any() else None,
            }
        )
    present = [c for c in range(k) if (y == c).any()]
    binary = k == 2
    if binary:
        auc, ap = classes[1]["roc_auc"], classes[1]["average_precision"]
        brier = m.brier_score_loss(y, p[:, 1].astype(float)) if len(present) == 2 else None
    elif len(present) == k:
        auc = m.roc_auc_score(y, p, multi_class="ovr", average="macro")
        ap = m.average_precision_score(onehot, p, average="macro")
        brier = m.brier_score_loss(y, p.astype(float), labels=range(k))
    else:
        auc = float(np.mean([classes[c]["roc_auc"] for c in present]))
        ap = float(np.mean([classes[c]["average_precision"] for c in present]))
        brier = float(((p.astype(float) - onehot) ** 2).sum(1).mean())
    return {
        "labels": y.tolist(),
        "probabilities": p.astype(float).tolist(),
        "accuracy": m.accuracy_score(y, said),
        "balanced_accuracy": m.balanced_accuracy_score(y, said),
        "log_loss": float(-np.log(np.maximum(truth, np.finfo(np.float32).eps)).mean()),
        "brier": brier,
        "ece": float(ece(p, y)),
        "roc_auc": auc,
        "average_precision": ap,
        "confusion": m.confusion_matrix(y, said, labels=range(k)).tolist(),
        "classes": classes,
    }


cases = [
    case(1, 30, 2, [0, 1], 1.0),
    case(2, 40, 3, [0, 1, 2], 0.7),
    case(3, 25, 2, [0, 1], 6.0),
    case(4, 36, 4, [0, 2, 3], 1.5),
    case(5, 60, 5, [0, 1, 2, 3, 4], 2.0),
]
text = json.dumps(cases)
print(text.replace('], "', '],\n"').replace('}, {', '},\n{'))
