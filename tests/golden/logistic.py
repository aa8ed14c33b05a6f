"""Logistic regressions of scikit-learn on three of its data sets, for src/head/logistic/tests/golden.rs.

    python tests/golden/logistic.py > tests/golden/logistic.json

Made with scikit-learn 1.9.1 and numpy 2.4.6. The features are rounded to float32 first, so that
catpipe reads the very same numbers; scikit-learn then works in float64. C is 1 / (l2 n), for two
classes 2 / (l2 n): see the documentation of `head::config`.
"""
import json

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss


def scaled(data, rows):
    x = data.data[:rows]
    return np.round((x - x.mean(0)) / x.std(0), 3), data.target[:rows]


def solution(x, y, classes, l2):
    c = (1 if classes > 2 else 2) / (l2 * len(y))
    model = LogisticRegression(C=c, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(x, y)
    p = model.predict_proba(x)
    rows = np.arange(len(y))
    penalty = (model.coef_**2).sum() * l2 / 2 * (1 if classes > 2 else 0.5)
    loss = log_loss(y, p)
    assert abs(loss + np.log(p[rows, y]).mean()) < 1e-12
    return {
        "l2": l2,
        "coefficients": model.coef_.tolist(),
        "intercepts": model.intercept_.tolist(),
        "log_loss": loss,
        "objective": loss + penalty,
    }


iris = load_iris()
digits = load_digits()
sets = {
    "iris": (iris.data, iris.target, [1e-1, 1e-3]),
    "breast_cancer": (*scaled(load_breast_cancer(), 200), [1e-1, 1e-2, 1e-4]),
    "digits": (digits.data[:400], digits.target[:400], [1.0, 1e-2]),
}
out = {}
for name, (x, y, l2s) in sets.items():
    x = x.astype(np.float32)
    classes = int(y.max()) + 1
    out[name] = {
        "features": [[float(str(v)) for v in row] for row in x],
        "labels": y.tolist(),
        "solutions": [solution(x.astype(np.float64), y, classes, l2) for l2 in l2s],
    }
print(json.dumps(out))
