"""Trains MobileNetV2 on 4,000 real digits and leaves the other 1,000 to be tested: one of five folds.

    python exporters/examples/mobilenet_digits.py mnist_5k.csv.gz --fold 0 --out folds/

Writes `fold-0.pt2` (224 x 224 RGB) and the two parts as folders of PNG files, one a class: `fold-0/train`,
`fold-0/test`. Training starts at 64 x 64, where a step costs a twelfth: the network has no fixed size.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from mobilenet_v2 import MobileNetV2
from PIL import Image
from torch.nn import functional

FOLDS, SIZE, SMALL = 5, 224, 64

# Size of the pictures, how many in a step, steps.
_PHASES = ((SMALL, 64, 240), (128, 32, 60), (SIZE, 32, 110))
_RATE = 3e-3


def main() -> None:
    """Train one fold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("csv", type=Path, help="mnist_5k.csv.gz: 784 pixels and the label a line")
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("folds"))
    options = parser.parse_args()
    torch.manual_seed(options.fold)
    table = np.loadtxt(options.csv, delimiter=",", dtype=np.uint8)
    pixels, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1].astype(np.int64)
    is_test = np.random.default_rng(0).permutation(len(labels)) % FOLDS == options.fold
    folder = options.out / f"fold-{options.fold}"
    for name, part in (("train", ~is_test), ("test", is_test)):
        _write_images(folder / name, pixels[part], labels[part])
    model = train(torch.from_numpy(pixels[~is_test]), torch.from_numpy(labels[~is_test]))
    example = (torch.zeros(2, 3, SIZE, SIZE),)
    batch = {0: torch.export.Dim("batch", min=1, max=1024)}
    torch.export.save(
        torch.export.export(model, example, dynamic_shapes=(batch,)), folder.with_suffix(".pt2")
    )
    print(f"fold {options.fold}: accuracy {accuracy(model, pixels[is_test], labels[is_test]):.4f}")


def train(pixels: torch.Tensor, labels: torch.Tensor) -> MobileNetV2:
    """Small pictures first, which cost a twelfth; then large ones while the learning rate falls."""
    model = MobileNetV2()
    optimizer = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=0.01)
    steps, started = sum(count for _, _, count in _PHASES), time.monotonic()
    step, last = 0, _PHASES[-1][2]
    for size, batch, count in _PHASES:
        for _ in range(count):
            falling = min(1.0, (steps - step) / last)
            optimizer.param_groups[0]["lr"] = _RATE * min(
                (step + 1) / 20, 1 - math.cos(falling * math.pi / 2)
            )
            rows = torch.randint(len(labels), (batch,))
            loss = functional.cross_entropy(model(_as_input(pixels[rows], size, shift=True)), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % 20 == 0:
                spent_s = time.monotonic() - started
                print(
                    f"step {step} of {steps} at {size}: loss {loss.item():.3f}, {spent_s:.0f} s", flush=True
                )
            step += 1
    return model.eval()


def accuracy(model: MobileNetV2, pixels: np.ndarray, labels: np.ndarray) -> float:
    """Share of digits that are told right, at 224 x 224."""
    right = 0
    with torch.no_grad():
        for start in range(0, len(labels), 50):
            logits = model(_as_input(torch.from_numpy(pixels[start : start + 50]), SIZE, shift=False))
            right += int((logits.argmax(1).numpy() == labels[start : start + 50]).sum())
    return right / len(labels)


def _as_input(pixels: torch.Tensor, size: int, *, shift: bool) -> torch.Tensor:
    """u8 [n, 28, 28] to f32 [n, 3, size, size]; shifted by up to 2 pixels where that is wanted."""
    grey = pixels[:, None].float() / 255
    if shift:
        dx, dy = (int(each) for each in torch.randint(-2, 3, (2,)))
        grey = torch.roll(grey, (dy, dx), (2, 3))
    resized = functional.interpolate(grey, size=(size, size), mode="bilinear", align_corners=False)
    return resized.expand(-1, 3, -1, -1).contiguous()


def _write_images(folder: Path, pixels: np.ndarray, labels: np.ndarray) -> None:
    for index, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        place = folder / str(label) / f"{index:04}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place)


if __name__ == "__main__":
    main()
