"""Golden values of src/head/label_errors.rs: what cleanlab finds in made-up probabilities.

Made with cleanlab 2.9.0 and numpy 2.4.6:

    python tests/golden/label_errors.py
"""

import numpy as np
from cleanlab.filter import find_label_issues

part = lambda i, m: np.float32(((i * 37 + m * 11) % 64) / 64)
labels, rows = [], []
for i in range(90):
    truth = i % 3
    own = np.float32([0.9, 0.7, 0.5][truth]) - np.float32(0.35) * part(i, 1)
    split = part(i, 2)
    row = np.zeros(3, np.float32)
    row[truth] = own
    row[(truth + 1) % 3] = (1 - own) * split
    row[(truth + 2) % 3] = (1 - own) * (1 - split)
    labels.append((truth + 1) % 3 if i % 10 == 7 else truth)
    rows.append(row)
labels, rows = np.array(labels), np.array(rows)
found = find_label_issues(
    labels,
    rows,
    filter_by="confident_learning",
    return_indices_ranked_by="normalized_margin",
    n_jobs=1,
)
print(sorted(found.tolist()))
