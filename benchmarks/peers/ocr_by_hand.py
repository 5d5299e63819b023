"""Our OCR bundle against the same pipeline written by hand, both taking turns in one process.

    make bundles && python benchmarks/peers/ocr_by_hand.py bundles/ocr.edge [--json]

By hand means what a good engineer writes with the libraries at hand (ONNX Runtime, OpenCV, numpy): detect,
fit boxes to the ink, cut them out, tell which way up the page is, recognise in batches. The same models, the
same sizes of their inputs and the same number of threads; pages of `tests/pages.py`. Each turn reads PAGES
pages; turns go A B B A, and the ratio of their times comes with Student's t interval. Target: at most 1.1.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # the pages come from the tests

# ruff: noqa: E402 - the line above must run first
import edgeai
from edgeai.measure.statistics import compare
from tests.page_scores import score
from tests.pages import pages

PAGES = 8
TURNS = 9
Found = list[tuple[np.ndarray, str]]


class OcrByHand:
    """Detect, fit, cut, turn, recognise."""

    def __init__(self, folder: Path, threads: int) -> None:
        def model(name: str) -> onnxruntime.InferenceSession:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            options.inter_op_num_threads = 1
            options.log_severity_level = 4
            path = str(folder / name)
            return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

        self.det, self.cls, self.rec = (model(f"{name}.onnx") for name in ("det", "cls", "rec"))
        characters = json.loads((folder / "characters.json").read_text("utf-8"))
        self.characters = ["", *characters, " "]

    def __call__(self, rgb: np.ndarray) -> Found:
        """Corners [4, 2] and text of each line."""
        bgr = np.ascontiguousarray(rgb[..., ::-1])
        lines = [fit(bgr, quad) for quad in self.detect(bgr)]
        crops = [cut(bgr, quad) for quad in lines]
        if not crops:
            return []
        if self.direction(crops) > 0.5:
            crops = [np.ascontiguousarray(crop[::-1, ::-1]) for crop in crops]
        texts = self.recognise(crops)
        pairs = zip(lines, texts, strict=True)
        return [(quad, text) for quad, (text, certain) in pairs if text and certain >= 0.5]

    def detect(self, bgr: np.ndarray) -> list[np.ndarray]:
        """Rectangles about the middles of the lines."""
        height, width = bgr.shape[:2]
        scale = min(1.0, 1536 / max(height, width))
        size = [max(32, round(side * scale / 32) * 32) for side in (width, height)]
        blob = normalized(cv2.resize(bgr, size))
        (heat,) = self.det.run(None, {"x": blob[np.newaxis]})
        mask = (heat[0, 0] > 0.3).astype(np.uint8)
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        quads = []
        for contour in contours:
            rectangle = cv2.minAreaRect(contour)
            if min(rectangle[1]) < 3:
                continue
            corners = cv2.boxPoints(rectangle)
            left, top = np.floor(corners.min(axis=0)).astype(int).clip(0)
            right, bottom = np.ceil(corners.max(axis=0)).astype(int) + 1
            inside = np.zeros((bottom - top, right - left), np.uint8)
            cv2.fillPoly(inside, [(corners - [left, top]).astype(np.int32)], 1)
            part = heat[0, 0, top:bottom, left:right]
            if cv2.mean(part, inside[: part.shape[0], : part.shape[1]])[0] >= 0.5:
                quads.append(ordered((corners + 0.5) * [width / size[0], height / size[1]]))
        return sorted(quads, key=lambda quad: (quad[:, 1].min(), quad[:, 0].min()))

    def direction(self, crops: list[np.ndarray]) -> float:
        """Share of the certainty that says that the page stands on its head."""
        certain = []
        for start in range(0, len(crops), 6):
            batch = np.zeros((len(crops[start : start + 6]), 3, 48, 192), np.float32)
            for row, crop in enumerate(crops[start : start + 6]):
                head = crop[:, : 6 * crop.shape[0]]
                width = min(192, math.ceil(48 * head.shape[1] / head.shape[0]))
                batch[row, :, :, :width] = normalized(cv2.resize(head, (width, 48)))
            certain.append(self.cls.run(None, {"x": batch})[0])
        return float(np.concatenate(certain)[:, 1].mean())

    def recognise(self, crops: list[np.ndarray]) -> list[tuple[str, float]]:
        """Text and certainty of each, six at a time, those of like width together."""
        widths = [math.ceil(48 * crop.shape[1] / crop.shape[0]) for crop in crops]
        order = np.argsort(widths)
        texts: list[tuple[str, float]] = [("", 0.0)] * len(crops)
        for start in range(0, len(crops), 6):
            rows = order[start : start + 6]
            batch = np.zeros((len(rows), 3, 48, max(widths[row] for row in rows)), np.float32)
            for place, row in enumerate(rows):
                batch[place, :, :, : widths[row]] = normalized(cv2.resize(crops[row], (widths[row], 48)))
            (scores,) = self.rec.run(None, {"x": batch})
            for row, each in zip(rows, scores, strict=True):
                texts[row] = self.decode(each)
        return texts

    def decode(self, scores: np.ndarray) -> tuple[str, float]:
        """Greedy CTC."""
        best = scores.argmax(axis=1)
        kept = (best != 0) & np.concatenate([[True], best[1:] != best[:-1]])
        certain = scores[np.arange(len(best)), best][kept]
        return "".join(self.characters[index] for index in best[kept]), float(
            certain.mean() if kept.any() else 0
        )


def normalized(bgr: np.ndarray) -> np.ndarray:
    """u8 [H, W, 3] to f32 [3, H, W], -1 to 1."""
    return (bgr.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)


def ordered(corners: np.ndarray) -> np.ndarray:
    """Clockwise from the corner whose side points right."""
    walk = corners[np.argsort(np.arctan2(*(corners - corners.mean(axis=0)).T[::-1]))]
    sides = np.roll(walk, -1, axis=0) - walk
    return np.roll(walk, -int(np.argmax(sides[:, 0] / np.maximum(np.hypot(*sides.T), 1e-9))), axis=0)


def fit(bgr: np.ndarray, quad: np.ndarray) -> np.ndarray:
    """The box around the ink in a window about what the detector found."""
    right, down = quad[1] - quad[0], quad[3] - quad[0]
    width, height = np.hypot(*right), np.hypot(*down)
    short = min(width, height)
    reach = (1.2, 0.8) if width >= height else (0.8, 1.2)
    x, y = right / max(width, 1e-9), down / max(height, 1e-9)
    origin = quad[0] - x * reach[0] * short - y * reach[1] * short
    size = round(width + 2 * reach[0] * short), round(height + 2 * reach[1] * short)
    grey = cv2.cvtColor(warped(bgr, origin, x, y, size), cv2.COLOR_BGR2GRAY)
    level, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)
    ink = grey <= level if np.median(grey) > level else grey > level
    if width < height:
        left, last = stretch(ink.any(axis=0), reach[0] * short + short / 4, short / 2, 0.1 * short)
        top, bottom = stretch(ink[:, left:last].any(axis=1), reach[1] * short, height, short)
    else:
        top, bottom = stretch(ink.any(axis=1), reach[1] * short + short / 4, short / 2, 0.1 * short)
        left, last = stretch(ink[top:bottom].any(axis=0), reach[0] * short, width, short)
    corners = np.array([[left, top], [last, top], [last, bottom], [left, bottom]])
    return origin + corners[:, :1] * x + corners[:, 1:] * y


def stretch(marks: np.ndarray, start: float, length: float, gap: float) -> tuple[int, int]:
    """The marks about a stretch that no wider gap interrupts."""
    first, last = int(start), int(start + length) + 1
    places = np.flatnonzero(marks)
    core = np.flatnonzero((places >= first) & (places < last))
    if not len(core):
        return first, last
    breaks = np.flatnonzero(np.diff(places) > gap + 1)
    low, high = breaks[breaks < core[0]], breaks[breaks >= core[-1]]
    begin = places[low[-1] + 1] if len(low) else places[0]
    return int(begin), int(places[high[0]] if len(high) else places[-1]) + 1


def cut(bgr: np.ndarray, quad: np.ndarray) -> np.ndarray:
    right, down = quad[1] - quad[0], quad[3] - quad[0]
    width, height = np.hypot(*right), np.hypot(*down)
    margin = 0.2 * min(width, height)
    x, y = right / max(width, 1e-9), down / max(height, 1e-9)
    size = max(1, round(width + 2 * margin)), max(1, round(height + 2 * margin))
    crop = warped(bgr, quad[0] - (x + y) * margin, x, y, size)
    return np.ascontiguousarray(np.rot90(crop)) if crop.shape[0] >= 1.5 * crop.shape[1] else crop


def warped(
    bgr: np.ndarray, origin: np.ndarray, x: np.ndarray, y: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    back = np.array([[x[0], y[0], origin[0]], [x[1], y[1], origin[1]]])
    back[:, 2] += back[:, :2] @ [0.5, 0.5] - 0.5  # OpenCV counts from pixels' middles
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(bgr, back, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def character_errors(read: Callable[[np.ndarray], Found], samples: list) -> float:
    scores = [score(page, read(page.pixels)) for page in samples]
    return sum(each.errors for each in scores) / sum(each.characters for each in scores)


def main() -> None:
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    if len(words) != 1:
        sys.exit("give the bundle: python benchmarks/peers/ocr_by_hand.py bundles/ocr.edge")
    samples = list(pages(PAGES))
    with edgeai.load(words[0]) as session:
        from edgeai.open_bundle import open_bundle

        bundle, held = open_bundle(words[0])
        by_hand = OcrByHand(bundle.folder, session.threads)

        def ours(rgb: np.ndarray) -> Found:
            found = session.predict(rgb).value
            texts = found.attached["text"]
            return [(quad, text.text) for quad, text in zip(found.polygons, texts, strict=True)]

        sides = {"by hand": by_hand, "ours": ours}
        errors = {name: character_errors(read, samples) for name, read in sides.items()}  # and the warm-up
        turns: dict[str, list[float]] = {"by hand": [], "ours": []}
        for turn in range(TURNS):
            print(f"\rturn {turn + 1}/{TURNS}   ", end="", file=sys.stderr, flush=True)
            spent: dict[str, list[float]] = {"by hand": [], "ours": []}
            for name in ("by hand", "ours", "ours", "by hand"):
                began = time.perf_counter()
                for page in samples:
                    sides[name](page.pixels)
                spent[name].append((time.perf_counter() - began) / len(samples))
            for name, times in spent.items():
                turns[name].append(statistics.mean(times))
        if held is not None:
            held.close()
    print(file=sys.stderr)
    ratio = compare(turns["by hand"], turns["ours"], paired=True)
    row = {
        "pages": PAGES,
        "turns": TURNS,
        "threads": session.threads,
        "by_hand_s": statistics.median(turns["by hand"]),
        "ours_s": statistics.median(turns["ours"]),
        "ratio": [ratio.ratio, ratio.low, ratio.high],
        "character_error_rate": errors,
    }
    if "--json" in sys.argv:
        print(json.dumps(row, indent=2))
        return
    print("| a page, ms | by hand | ours | ratio |\n|---|---|---|---|")
    print(
        f"| {session.threads} threads | {1e3 * row['by_hand_s']:.0f} | {1e3 * row['ours_s']:.0f} | "
        f"{ratio.ratio:.3f} [{ratio.low:.3f}, {ratio.high:.3f}] |"
    )
    print(f"character errors: by hand {errors['by hand']:.2%}, ours {errors['ours']:.2%}")


if __name__ == "__main__":
    main()
