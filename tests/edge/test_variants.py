"""Which variant runs is told by needs, profile and the user's word; every other one has its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeai.bundle.types import Model, Needs, Variant
from edgeai.device import load_profile
from edgeai.errors import InputError
from edgeai.variants import Wishes, fits_range, rank

PI5 = load_profile("raspberry-pi-5")  # prefers onnxruntime, then litert
ANY = Wishes()
FLAGS = frozenset({"avx2", "fma"})


def variant(id_: str, format_: str = "onnx", precision: str | None = None, **needs: object) -> Variant:
    return Variant(id_, format_, Path(f"{id_}.{format_}"), precision, Needs(**needs))  # type: ignore[arg-type]


def order(*variants: Variant, wishes: Wishes = ANY, profile: str = "raspberry-pi-5") -> list[tuple[str, str]]:
    candidates, _ = rank(Model("m", variants), load_profile(profile), FLAGS, wishes)
    return [(each.variant.id, each.backend) for each in candidates if each.backend != "tflite-runtime"]


def reasons(*variants: Variant, wishes: Wishes = ANY, flags: frozenset[str] | None = FLAGS) -> dict[str, str]:
    _, skipped = rank(Model("m", variants), PI5, flags, wishes)
    return {each.variant: each.reason for each in skipped if each.backend != "tflite-runtime"}


def test_the_authors_order_decides_between_precisions() -> None:
    assert order(variant("s8", precision="int8"), variant("f32", precision="fp32")) == [
        ("s8", "onnxruntime"),
        ("f32", "onnxruntime"),
    ]


def test_within_a_precision_the_profiles_backends_decide() -> None:
    both = (variant("t", "tflite", "fp32"), variant("o", "onnx", "fp32"))
    assert order(*both) == [("o", "onnxruntime"), ("t", "litert")]
    assert load_profile("raspberry-pi-zero-2-w").preferred_backends[0] == "litert"
    assert order(*both, profile="raspberry-pi-zero-2-w") == [("t", "litert"), ("o", "onnxruntime")]


def test_a_lower_precision_first_stays_first_on_the_other_backend() -> None:
    assert order(variant("s8", "tflite", "int8"), variant("f32", "onnx", "fp32"))[0] == ("s8", "litert")


def test_missing_cpu_features_skip_a_variant() -> None:
    needy = variant("s8", cpu=("avx2", "asimddp"))
    assert reasons(needy) == {"s8": "needs asimddp, which this CPU lacks"}
    assert order(variant("a", cpu=("avx2",))) == [("a", "onnxruntime")]
    assert reasons(needy, flags=None) == {
        "s8": "needs the CPU features avx2 asimddp, and this CPU's are unknown"
    }


def test_a_version_range_is_asked_of_the_library() -> None:
    assert order(variant("a", versions={"onnxruntime": ">=1.20"})) == [("a", "onnxruntime")]
    assert reasons(variant("a", versions={"onnxruntime": ">=99"}))["a"].startswith(
        "needs version >=99, here is 1."
    )
    assert order(variant("a", versions={"litert": ">=99"})) == [
        ("a", "onnxruntime")
    ]  # says nothing about ONNX


def test_the_ir_version_is_asked_of_the_library() -> None:
    assert order(variant("a", ir=10)) == [("a", "onnxruntime")]
    for unknown in (99, 127, 128, 100000):
        assert "needs ONNX IR version" in reasons(variant("a", ir=unknown))["a"]


def test_one_of_the_providers_has_to_be_there() -> None:
    assert order(variant("a", providers=("tensorrt", "cpu"))) == [("a", "onnxruntime")]
    assert reasons(variant("a", providers=("tensorrt",)))["a"].startswith(
        "needs one of the providers tensorrt; here is"
    )
    assert reasons(variant("t", "tflite", providers=("tensorrt",)))["t"].startswith(
        "needs one of the providers"
    )
    asked = Wishes(providers=("CPUExecutionProvider",))
    assert reasons(variant("a", providers=("tensorrt",)), wishes=asked)["a"].startswith(
        "runs on tensorrt, asked for"
    )


def test_an_unknown_format_or_need_is_skipped_with_its_reason() -> None:
    assert reasons(variant("h", "hef")) == {"h": "no backend here reads the format hef"}
    assert "which this edgeai cannot judge" in reasons(variant("a", unknown=("npu_driver",)))["a"]


def test_the_users_word_decides() -> None:
    both = (variant("t", "tflite", "fp32"), variant("o", "onnx", "fp32"))
    assert order(*both, wishes=Wishes(variant="t")) == [("t", "litert")]
    assert reasons(*both, wishes=Wishes(variant="t")) == {"o": "another was asked for (t)"}
    assert order(*both, wishes=Wishes(backend="litert")) == [("t", "litert")]
    assert reasons(*both, wishes=Wishes(backend="litert")) == {
        "o": "onnx is not read by litert, which was asked for"
    }
    own = Wishes(backend="edgeai.testing:FakeBackend")
    assert order(*both, wishes=own) == [
        ("t", "edgeai.testing:FakeBackend"),
        ("o", "edgeai.testing:FakeBackend"),
    ]
    with pytest.raises(InputError, match="model 'm' has no variant 'x'; it has: t, o"):
        order(*both, wishes=Wishes(variant="x"))


@pytest.mark.parametrize(
    ("version", "range_", "fits"),
    [
        ("1.23.2", ">=1.20", True),
        ("1.23.2", ">=1.23.2", True),
        ("1.23.2", ">1.23.2", False),
        ("1.23", "==1.23.0", True),
        ("1.23.2+cu12", "<1.23.3,>=1.23.2", True),
        ("2.0.0", ">=1.20, <2", False),
        ("1.9", ">=1.20", False),
        ("1.9", "!=1.9", False),
        ("unknown", ">=1", False),
    ],
)
def test_a_version_lies_in_a_range_or_not(version: str, range_: str, fits: bool) -> None:
    assert fits_range(version, range_) is fits
