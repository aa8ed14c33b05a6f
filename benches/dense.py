"""One epoch of a dense head in PyTorch, for benches/speed/dense.rs.

    python dense.py EXAMPLES FEATURES CLASSES THREADS

prints `what<TAB>seconds`, the best of a few epochs each.
"""

import sys
import time

import torch
from torch import nn

examples, features, classes, threads = map(int, sys.argv[1:])
BATCH, EPOCHS = 256, 4
torch.set_num_threads(threads)
torch.manual_seed(1)
x = torch.rand(examples, features) - 0.5
y = torch.arange(examples) % classes


def network():
    net = nn.Sequential(
        nn.Linear(features, 256, bias=False), nn.BatchNorm1d(256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, classes)
    )
    return net.train(), torch.optim.Adam(net.parameters(), lr=1e-3)


def by_hand():
    order = torch.randperm(examples)
    for places in order.split(BATCH):
        yield x[places], y[places]


def best(batches):
    net, optimizer = network()
    criterion = nn.CrossEntropyLoss()
    seconds = []
    for _ in range(EPOCHS):
        start = time.perf_counter()
        for rows, labels in batches():
            optimizer.zero_grad(set_to_none=True)
            criterion(net(rows), labels).backward()
            optimizer.step()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


name = f"PyTorch {torch.__version__}"
print(f"{name}, batches cut by hand\t{best(by_hand)}")
data = torch.utils.data.TensorDataset(x, y)
loader = torch.utils.data.DataLoader(data, batch_size=BATCH, shuffle=True)
print(f"{name}, DataLoader\t{best(lambda: loader)}")
