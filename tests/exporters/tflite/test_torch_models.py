"""Networks of common makes, exported by PyTorch, answer as under ONNX Runtime, at any batch."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")
transformers = pytest.importorskip("transformers")

from edgeai_exporters.tflite import write_tflite  # noqa: E402
from tests.exporters.tflite.running import LiteRT, normal, run_onnx  # noqa: E402

if TYPE_CHECKING:
    import onnx

TOLERANCE = 1e-4


def _resnet() -> Any:
    config = transformers.ResNetConfig(
        embedding_size=16, depths=[1, 1], hidden_sizes=[16, 32], layer_type="basic", num_labels=5
    )
    return transformers.ResNetForImageClassification(config)


def _mobilenet() -> Any:
    return transformers.MobileNetV2ForImageClassification(
        transformers.MobileNetV2Config(depth_multiplier=0.35, image_size=64, num_labels=5)
    )


def _efficientnet() -> Any:
    config = transformers.EfficientNetConfig(
        image_size=64, width_coefficient=0.35, depth_coefficient=0.35, hidden_dim=448, num_labels=5
    )
    return transformers.EfficientNetForImageClassification(config)


def _convnext() -> Any:
    return transformers.ConvNextForImageClassification(
        transformers.ConvNextConfig(depths=[1, 1], hidden_sizes=[16, 32], num_stages=2, num_labels=5)
    )


def _audio() -> Any:
    nn = torch.nn

    class Words(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv1d(3, 16, 5, 2, 2)
            self.gru = nn.GRU(16, 12, 2, batch_first=True, bidirectional=True)
            self.lstm = nn.LSTM(24, 12, batch_first=True)
            self.last = nn.Linear(12, 5)

        def forward(self, x: Any) -> Any:
            h, _ = self.gru(torch.relu(self.first(x.flatten(2)[:, :, :20])).transpose(1, 2))
            h, _ = self.lstm(h)
            return self.last(h[:, -1])

    return Words()


NETWORKS: dict[str, tuple[Callable[[], Any], int]] = {
    "resnet": (_resnet, 1),
    "mobilenet": (_mobilenet, 1),
    "efficientnet": (_efficientnet, 1),
    "convnext": (_convnext, 1),
    "gru and lstm": (_audio, 1),
}


SLOW = {"mobilenet", "efficientnet", "gru and lstm"}  # to export, not to write


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.long] * (name in SLOW)) for name in NETWORKS])
def network(request: pytest.FixtureRequest) -> tuple[onnx.ModelProto, int]:
    make, transposes = NETWORKS[request.param]
    torch.manual_seed(0)
    module = make().eval()
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):  # fresh ones do nothing, and would be folded away
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
    return _exported(module), transposes


def _exported(module: Any) -> onnx.ModelProto:
    class Logits(torch.nn.Module):  # type: ignore[misc,name-defined]
        def forward(self, x: Any) -> Any:
            y = module(x)
            return y.logits if hasattr(y, "logits") else y

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's exporter about itself
        program = torch.onnx.export(
            Logits(),
            (torch.randn(2, 3, 64, 64),),
            dynamo=True,
            opset_version=18,
            input_names=["x"],
            output_names=["y"],
            dynamic_shapes={"x": {0: torch.export.Dim("batch", min=1, max=64)}},
            verbose=False,
        )
    return program.model_proto


def test_a_network_answers_as_under_onnx_runtime_at_any_batch(
    network: tuple[onnx.ModelProto, int], tmp_path: Path
) -> None:
    model, transposes = network
    fixed, open_ = tmp_path / "fixed.tflite", tmp_path / "open.tflite"
    written = write_tflite(model, fixed, shapes={"x": (1, 3, 64, 64)})
    x = normal(1, 3, 64, 64)
    np.testing.assert_allclose(
        LiteRT(fixed).run({"x": x})["y"], run_onnx(model, {"x": x})["y"], atol=TOLERANCE
    )
    assert written.operators.get("TRANSPOSE", 0) <= transposes
    assert write_tflite(model, open_, resizable_batch=True, shapes={"x": (1, 3, 64, 64)}).inputs == {
        "x": (-1, 3, 64, 64)
    }
    for batch in (1, 3):
        x = normal(batch, 3, 64, 64, seed=batch)
        got = LiteRT(open_, {"x": x.shape}).run({"x": x})["y"]
        np.testing.assert_allclose(got, run_onnx(model, {"x": x})["y"], rtol=0, atol=TOLERANCE)
