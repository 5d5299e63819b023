"""Makes the models whose speed is published, so that `edgeai fit` can be held against it.

    KERAS_BACKEND=torch .venv-export/bin/python benchmarks/exports/published_models.py FOLDER

Weights are random: what a model costs does not depend on them. MobileNets and ResNet50 are those of
`keras.applications` (ResNet50 is version 1; MLPerf runs 1.5, of 4 % more arithmetic). EfficientNet-Lite0 and
the two SSDs are built here from their published tables: Lite0 as in tensorflow/tpu (EfficientNet-B0 without
squeeze-and-excite, ReLU6, stem and head of fixed width); SSD as in TensorFlow's Object Detection API
(ssd_mobilenet_v1 0.75 depth and ssd_mobilenet_v2, both COCO at 300x300: 1x1 predictors on six maps; the
decoding of boxes and the choice among them, which TFLite adds, are left out: they cost no multiplications).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import keras
from keras import applications, layers

_CLASSES = 91  # COCO's 90 and the background
_ANCHORS = (3, 6, 6, 6, 6, 6)


def main(folder: Path) -> None:
    """Write each model that is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in MODELS.items():
        file = folder / f"{name}.onnx"
        if not file.exists():
            model = make()
            model(keras.ops.zeros(model.input_shape))  # an export wants a model that was called
            model.export(str(file), format="onnx", verbose=False)
        print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")


def _relu6(value: Any) -> Any:
    return layers.ReLU(max_value=6)(layers.BatchNormalization()(value))


def _convolved(value: Any, filters: int, kernel: int, stride: int = 1) -> Any:
    return _relu6(layers.Conv2D(filters, kernel, stride, "same", use_bias=False)(value))


def _lite0() -> keras.Model:
    """Blocks: expansion, width, repeats, stride, kernel, as in EfficientNet-B0."""
    blocks = ((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5),
              (6, 192, 4, 2, 5), (6, 320, 1, 1, 3))  # fmt: skip
    start = layers.Input((224, 224, 3), batch_size=1)
    value = _convolved(start, 32, 3, 2)
    for expansion, width, repeats, first_stride, kernel in blocks:
        for repeat in range(repeats):
            stride, given = first_stride if repeat == 0 else 1, value
            if expansion > 1:
                value = _convolved(value, value.shape[-1] * expansion, 1)
            value = _relu6(layers.DepthwiseConv2D(kernel, stride, "same", use_bias=False)(value))
            value = layers.BatchNormalization()(layers.Conv2D(width, 1, use_bias=False)(value))
            if repeat:
                value = layers.Add()([given, value])
    value = layers.GlobalAveragePooling2D()(_convolved(value, 1280, 1))
    return keras.Model(start, layers.Dense(1000, activation="softmax")(value))


def _ssd(backbone: keras.Model, early: str, depth: float) -> keras.Model:
    """early: the layer of the backbone whose output of 19x19 is the first of six maps."""
    maps = [backbone.get_layer(early).output, backbone.output]
    for width in (512, 256, 256, 128):
        narrow = _convolved(maps[-1], int(width * depth / 2), 1)
        maps.append(_convolved(narrow, int(width * depth), 3, 2))
    boxes, scores = [], []
    for value, anchors in zip(maps, _ANCHORS, strict=True):
        boxes.append(layers.Reshape((-1, 4))(layers.Conv2D(anchors * 4, 1)(value)))
        scores.append(layers.Reshape((-1, _CLASSES))(layers.Conv2D(anchors * _CLASSES, 1)(value)))
    return keras.Model(backbone.input, [layers.Concatenate(1)(boxes), layers.Concatenate(1)(scores)])


def _backbone(make: Any, **options: Any) -> keras.Model:
    start = layers.Input((300, 300, 3), batch_size=1)
    model: keras.Model = make(input_tensor=start, weights=None, include_top=False, **options)
    return model


def _classifier(make: Any, size: int = 224) -> keras.Model:
    model: keras.Model = make(input_tensor=layers.Input((size, size, 3), batch_size=1), weights=None)
    return model


MODELS = {
    "mobilenet-v1": lambda: _classifier(applications.MobileNet),
    "mobilenet-v2": lambda: _classifier(applications.MobileNetV2),
    "mobilenet-v3-large": lambda: _classifier(applications.MobileNetV3Large),
    "mobilenet-v3-small": lambda: _classifier(applications.MobileNetV3Small),
    "efficientnet-lite0": _lite0,
    "resnet50": lambda: _classifier(applications.ResNet50),
    "resnet50-256": lambda: _classifier(applications.ResNet50, 256),
    "ssd-mobilenet-v1": lambda: _ssd(_backbone(applications.MobileNet, alpha=0.75), "conv_pw_11_relu", 0.75),
    "ssd-mobilenet-v2": lambda: _ssd(_backbone(applications.MobileNetV2), "block_13_expand_relu", 1.0),
}

if __name__ == "__main__":
    main(Path(sys.argv[1]))
