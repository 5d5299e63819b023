"""MobileNetV2 (Sandler et al., 2018) in plain PyTorch, as a source of `edgeai export`.

    edgeai export exporters/examples/mobilenet_v2.py:build --shape 1x3x224x224 -o mobilenet.edge

`build` has random weights; `digits.py` beside it trains it on real digits.
"""

from __future__ import annotations

from torch import Tensor, nn

# Table 2 of the paper: expansion, channels, repeats, stride of the first.
_BLOCKS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class InvertedResidual(nn.Module):
    """Expand, filter by depth, project; added to its input where shapes allow."""

    def __init__(self, channels: int, out: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = channels * expansion
        expand = [] if expansion == 1 else [_convolution(channels, hidden, 1)]
        self.adds = stride == 1 and channels == out
        self.layers = nn.Sequential(
            *expand,
            _convolution(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, out, 1, bias=False),
            nn.BatchNorm2d(out),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[N, channels, H, W] to [N, out, H / stride, W / stride]."""
        return x + self.layers(x) if self.adds else self.layers(x)


class MobileNetV2(nn.Module):
    """f32 [N, 3, H, W] in 0 to 1 to logits [N, classes]; 2.2 million weights and 0.3 GMAC at 224 x 224."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        layers: list[nn.Module] = [_convolution(3, 32, 3, 2)]
        channels = 32
        for expansion, out, repeats, first_stride in _BLOCKS:
            for repeat in range(repeats):
                stride = first_stride if repeat == 0 else 1
                layers.append(InvertedResidual(channels, out, stride, expansion))
                channels = out
        layers.append(_convolution(channels, 1280, 1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(1280, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.classifier(self.features(x).mean((2, 3)))


def build() -> MobileNetV2:
    """The factory that `edgeai export` calls."""
    return MobileNetV2()


def _convolution(channels: int, out: int, size: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, size, stride, size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU6(),
    )
