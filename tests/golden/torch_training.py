"""Golden values of 100 training steps: PyTorch 2.15.0 (CPU), numpy 2.4.6.

    python tests/golden/torch_training.py > tests/golden/torch_training.json

Everything is float64. Inputs and initial weights are formulas, so that both sides make them by
themselves; src/head/train/golden_torch.rs does the same and compares every weight after 100 steps.
There is no dropout: its masks cannot be shared.
"""

import json

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR, StepLR

FEATURES, CLASSES, BATCH, STEPS, STEPS_AN_EPOCH = 6, 3, 8, 100, 10


def wave(rows, columns, phase):
    place = np.arange(rows)[:, None] * columns + np.arange(columns)[None, :]
    return torch.tensor(np.sin(place * 1.37 + phase) + 0.013)


def batch(step):
    place = np.arange(BATCH)
    return wave(BATCH, FEATURES, 0.1 * step), torch.tensor((place * place + step) % CLASSES)


def network(hidden, activation, norm):
    layers, below = [], FEATURES
    for width in hidden:
        layers.append(nn.Linear(below, width, bias=not norm))
        if norm:
            layers.append(nn.BatchNorm1d(width))
        layers.append({"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh}[activation]())
        below = width
    layers.append(nn.Linear(below, CLASSES))
    net = nn.Sequential(*layers).double()
    with torch.no_grad():
        for i, parameter in enumerate(net.parameters()):
            rows, columns = parameter.shape if parameter.dim() == 2 else (1, len(parameter))
            parameter.copy_(0.5 * wave(rows, columns, float(i)).reshape(parameter.shape))
    return net


def groups(net, decay):
    weights = [m.weight for m in net if isinstance(m, nn.Linear)]
    known = {id(w) for w in weights}
    others = [p for p in net.parameters() if id(p) not in known]
    return [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


RUNS = {
    "adam, l2, BatchNorm, relu": dict(
        yaml="{head: {dense: {hidden: [5, 4], batch_norm: true}}, l2: 0.01, adam: {lr: 0.01}, epochs: 10}",
        hidden=[5, 4], activation="relu", norm=True, optimizer="adam", decay=0.01,
    ),
    "adamw, gelu, warm-up and cosine": dict(
        yaml="{head: {dense: {hidden: [5], activation: gelu}}, adamw: {lr: 0.02, weight_decay: 0.1},"
        " schedule: {warmup: 2, cosine: {to: 0.05}}, epochs: 10}",
        hidden=[5], activation="gelu", norm=False, optimizer="adamw", decay=0.1, schedule="cosine",
    ),
    "sgd, tanh, smoothing, class weights, clipping, steps": dict(
        yaml="{head: {dense: {hidden: [4, 5], activation: tanh}}, l2: 0.001, sgd: {lr: 0.1, momentum: 0.9},"
        " label_smoothing: 0.1, class_weights: {0: 0.5, 1: 2, 2: 1.25}, clip_norm: 0.2,"
        " schedule: {step: {every: 3, by: 0.5}}, epochs: 10}",
        hidden=[4, 5], activation="tanh", norm=False, optimizer="sgd", decay=0.001,
        schedule="step", smoothing=0.1, weights=[0.5, 2.0, 1.25], clip=0.2,
    ),
    "adam, gelu, BatchNorm, everything": dict(
        yaml="{head: {dense: {hidden: [5, 4], activation: gelu, batch_norm: true}}, l2: 0.02, adam: {lr: 0.02},"
        " label_smoothing: 0.2, class_weights: {1: 3}, clip_norm: 0.5, schedule: {warmup: 3, cosine: {}}, epochs: 10}",
        hidden=[5, 4], activation="gelu", norm=True, optimizer="adam", decay=0.02,
        schedule="cosine0", smoothing=0.2, weights=[1.0, 3.0, 1.0], clip=0.5,
    ),
}


def trained(run):
    net = network(run["hidden"], run["activation"], run["norm"])
    make = {
        "adam": lambda g: torch.optim.Adam(g, lr=0.02 if "weights" in run else 0.01),
        "adamw": lambda g: torch.optim.AdamW(g, lr=0.02),
        "sgd": lambda g: torch.optim.SGD(g, lr=0.1, momentum=0.9),
    }
    optimizer = make[run["optimizer"]](groups(net, run["decay"]))
    schedule = None
    lr = optimizer.param_groups[0]["lr"]
    if run.get("schedule") == "step":
        schedule = StepLR(optimizer, 3 * STEPS_AN_EPOCH, 0.5)
    elif "schedule" in run:
        warmup, to = (20, 0.05) if run["schedule"] == "cosine" else (30, 0.0)
        up = LinearLR(optimizer, 1 / warmup, total_iters=warmup - 1)
        down = CosineAnnealingLR(optimizer, STEPS - warmup, eta_min=to * lr)
        schedule = SequentialLR(optimizer, [up, down], [warmup])
    weights = torch.tensor(run["weights"]).double() if "weights" in run else None
    criterion = nn.CrossEntropyLoss(weight=weights, label_smoothing=run.get("smoothing", 0.0))
    net.train()
    losses = []
    for step in range(STEPS):
        x, y = batch(step)
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        losses.append(loss.item())
        loss.backward()
        if "clip" in run:
            nn.utils.clip_grad_norm_(net.parameters(), run["clip"])
        optimizer.step()
        if schedule is not None:
            schedule.step()
    norms = [m for m in net if isinstance(m, nn.BatchNorm1d)]
    return {
        "config": run["yaml"],
        "first_loss": losses[0],
        "last_loss": losses[-1],
        "parameters": [p.detach().flatten().tolist() for p in net.parameters()],
        "running": [[n.running_mean.tolist(), n.running_var.tolist()] for n in norms],
    }


torch.set_num_threads(1)
print(json.dumps({name: trained(run) for name, run in RUNS.items()}, indent=1))
