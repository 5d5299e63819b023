"""What a user's own file may hold: models that export, and the mistakes that are made in one."""

from __future__ import annotations

from typing import Any

import torch


class Pooled(torch.nn.Module):
    """A convolution, a pooling and two heads; `scale` multiplies both."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)
        self.norm = torch.nn.BatchNorm2d(4)
        self.drop = torch.nn.Dropout(0.5)
        self.head = torch.nn.Linear(4, 5)

    def forward(self, image: Any, scale: Any) -> dict[str, Any]:
        pooled = self.drop(self.norm(self.conv(image))).relu().mean((2, 3)) * scale
        return {"scores": self.head(pooled), "pooled": pooled}


class OnePath(torch.nn.Module):
    def forward(self, x: Any) -> Any:
        if x.sum() > 0:
            return x + 1
        return x - 1


class Svd(torch.nn.Module):
    def forward(self, x: Any) -> Any:
        return torch.linalg.svd(x)[1]


class TwoRows(torch.nn.Module):
    def forward(self, x: Any) -> Any:
        return (x * 2).reshape(2, 4)


class TextOut(torch.nn.Module):
    def forward(self, x: Any) -> Any:
        return {"sum": x.sum(), "name": "a"}


def with_examples() -> Any:
    torch.manual_seed(3)
    return Pooled(), (torch.randn(1, 3, 9, 8), torch.ones(1, 4))


def without_examples() -> Any:
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Linear(4, 2))


def wrong_examples() -> Any:
    return Pooled(), {"image": torch.ones(1, 4, 9, 8), "scale": torch.ones(1, 4)}


def misspelt_examples() -> Any:
    return Pooled(), {"picture": torch.ones(1, 3, 9, 8)}


def too_few_examples() -> Any:
    return Pooled(), torch.ones(1, 3, 9, 8)


def no_tensor() -> Any:
    return Pooled(), (torch.ones(1, 3, 9, 8), "large")


def one_path() -> Any:
    return OnePath(), torch.ones(2, 4)


def svd() -> Any:
    return Svd(), torch.ones(2, 4)


def two_rows() -> Any:
    return TwoRows(), torch.ones(2, 4)


def text_out() -> Any:
    return TextOut(), torch.ones(2, 4)


def raises() -> Any:
    return {}["weights"]


def nothing() -> Any:
    return None


def the_class() -> Any:
    return Pooled


def weights() -> Any:
    return Pooled().state_dict()
