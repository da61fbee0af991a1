#!/usr/bin/env python3
"""attacks.csv: FGSM and PGD on AnimalNet by PyTorch, for test_attack.c.

usage: attacks.py FOLDER > attacks.csv     FOLDER holds cifar-10-batches-bin

The case animals/lr-0.001 (250 of CIFAR-10's animals in order, batch 128, SGD 0.001 with momentum 0.99) from parameters
drawn in float32, trained for `steps` steps in float64; then its 100 validation images are attacked: FGSM is one step of
eps, PGD ten of eps/4, from the clean image, each projected to the ball and to pixels from 0 to 1.
"""
import sys
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def animals(folder):
    """The training set: cat = 0, dog = 1, wild = 2, the first quarter of deer, frog, horse, bird each."""
    files = [f"{folder}/cifar-10-batches-bin/data_batch_{i}.bin" for i in range(1, 6)]
    rows = np.concatenate([np.fromfile(f, np.uint8).reshape(-1, 3073) for f in files])
    labels, pixels = rows[:, 0], rows[:, 1:]
    target, keep = np.full(len(rows), 2), np.isin(labels, (3, 5))
    target[labels == 3], target[labels == 5] = 0, 1
    for name in (4, 6, 7, 2):
        keep[np.flatnonzero(labels == name)[: (labels == 3).sum() // 4]] = True
    return torch.from_numpy(pixels[keep].astype(np.float64)) / 255, torch.from_numpy(target[keep])


def attack(model, x0, y, eps, step, steps):
    x = x0.clone()
    for _ in range(steps):
        x.requires_grad_(True)
        gradient, = torch.autograd.grad(F.cross_entropy(model((x - 0.5) / 0.5), y), x)
        x = x.detach() + step * gradient.sign()
        x = torch.clamp(torch.minimum(torch.maximum(x, x0 - eps), x0 + eps), 0, 1)
    return x


def main():
    images, labels = animals(sys.argv[1])
    print("seed,steps,attack,eps_255,accuracy,loss,linf_255,l2")
    for seed in (2021, 1, 2):
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
        train, valid = order[:250], order[250:350]
        for steps in (0, 20):
            torch.manual_seed(seed)
            model = nn.Sequential(nn.Linear(3072, 128), nn.ReLU(), nn.Linear(128, 32), nn.ReLU(), nn.Linear(32, 3))
            model.double()
            optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.99)
            for k in range(steps):
                rows = train[:128] if k % 2 == 0 else train[128:]
                optimizer.zero_grad()
                F.cross_entropy(model((images[rows] - 0.5) / 0.5), labels[rows]).backward()
                optimizer.step()
            x0, y = images[valid], labels[valid]
            for name in ("fgsm", "pgd"):
                for eps in (0, 1, 2, 4, 8, 16):
                    e = eps / 255
                    x = attack(model, x0, y, e, e if name == "fgsm" else e / 4, 1 if name == "fgsm" else 10)
                    with torch.no_grad():
                        z = model((x - 0.5) / 0.5)
                    change = (x - x0).abs()
                    print(f"{seed},{steps},{name},{eps},{(z.argmax(1) == y).double().mean():.4f},"
                          f"{F.cross_entropy(z, y):.9g},{255 * change.amax(1).mean():.9g},"
                          f"{change.square().sum(1).sqrt().mean():.9g}")


main()
