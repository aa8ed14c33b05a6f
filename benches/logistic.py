"""What `make bench` compares the training of heads with: NumPy's products and scikit-learn.

    logistic.py products SHAPES       SHAPES as n,k,m;...: GFLOP/s of A Bt, C B and Ct A for f32 and
                                      f64, A [n, k], B [m, k], C [n, m]; a line each
    logistic.py path FOLDER FROM TO   LogisticRegressionCV on FOLDER's features.npy and labels.npy:
                                      45 values of l2 from FROM to TO, 5 folds; prints the seconds,
                                      the l2 that it chose, and its log loss
"""
import os
import sys
import time

# Some sites set these for other processors than the one at hand.
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    if name in os.environ:
        del os.environ[name]
        os.execv(sys.executable, [sys.executable, *sys.argv])

import numpy as np  # noqa: E402

ROUNDS = 10
AT_LEAST = 0.1


def products(shapes):
    random = np.random.default_rng(0)
    for n, k, m in (map(int, shape.split(",")) for shape in shapes.split(";")):
        for dtype in (np.float32, np.float64):
            a, b, c = (random.standard_normal(s).astype(dtype) for s in ((n, k), (m, k), (n, m)))
            for x, y in ((a, b.T), (c, b), (c.T, a)):
                best, out = float("inf"), np.zeros((x.shape[0], y.shape[1]), dtype)
                rounds, begin = 0, time.perf_counter()
                while rounds < ROUNDS or time.perf_counter() - begin < AT_LEAST:
                    rounds, start = rounds + 1, time.perf_counter()
                    np.matmul(x, y, out=out)
                    best = min(best, time.perf_counter() - start)
                print(2 * n * k * m / best / 1e9, flush=True)


def path(folder, smallest, largest):
    """The faster of scikit-learn's two ways: one process whose products take all threads, or folds
    shared out to processes of one thread."""
    import warnings

    from sklearn.linear_model import LogisticRegressionCV

    warnings.filterwarnings("ignore", category=FutureWarning)
    x, y = np.load(f"{folder}/features.npy"), np.load(f"{folder}/labels.npy")
    l2 = np.geomspace(largest, smallest, 45)
    jobs = [None, 2] if len(x) <= 2000 else [int(os.environ.get("CATPIPE_BENCH_JOBS", "2")) or None]
    best = None
    for n_jobs in jobs:
        start = time.perf_counter()
        model = LogisticRegressionCV(
            Cs=1 / (l2 * len(x) * 0.8), cv=5, tol=1e-4, max_iter=10_000, n_jobs=n_jobs,
            scoring="neg_log_loss", l1_ratios=(0,), use_legacy_attributes=False,
        ).fit(x, y)
        seconds = time.perf_counter() - start
        print(f"scikit-learn, n_jobs={n_jobs}: {seconds:.1f} s", file=sys.stderr, flush=True)
        if best is None or seconds < best[0]:
            scores = -model.scores_.reshape(5, -1).mean(0)
            best = (seconds, 1 / (model.C_ * len(x) * 0.8), scores.min())
    print(*best)


part = sys.argv[1]
if part == "products":
    products(sys.argv[2])
elif part == "path":
    path(sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
else:
    sys.exit(__doc__)
