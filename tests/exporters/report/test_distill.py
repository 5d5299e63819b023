"""The report on a distillation says that it paid only where the interval over seeds says so."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from edgeai.measure.statistics import Estimate
from edgeai_exporters.report.distill import (
    Distillation,
    Trained,
    distill_document,
    distill_headline,
    distill_page,
    distill_table,
    write_distill_html,
)

FOUND = Distillation(
    name="digits",
    metric="top1",
    seeds=(0, 1, 2, 3),
    trained=(
        Trained("teacher", (0.987,), Estimate(0.987, None, None), 431_000),
        Trained("student alone", (0.955, 0.956, 0.951, 0.958), Estimate(0.955, 0.9503, 0.9597), 9_100),
        Trained("student distilled", (0.979, 0.982, 0.978, 0.981), Estimate(0.98, 0.9771, 0.9829), 9_100),
    ),
    gain=Estimate(0.025, 0.0222, 0.0278),
    data="MNIST-5000: 500 labels, 3,500 without, 1,000 prove",
    settings={"temperature": 4.0, "hard_labels": 0.3},
)


@pytest.mark.parametrize(
    ("gain", "text"),
    [
        (FOUND.gain, "Distillation pays: the student gains 2.50 [2.22, 2.78] points of top1 over 4 seeds."),
        (
            Estimate(0.004, -0.001, 0.009),
            "Distillation is not shown to pay: "
            "the student changes by 0.40 [-0.10, 0.90] points of top1 over 4 seeds.",
        ),
        (
            Estimate(-0.01, -0.02, -0.001),
            "Distillation does harm: "
            "the student changes by -1.00 [-2.00, -0.10] points of top1 over 4 seeds.",
        ),
        (
            Estimate(0.02, None, None),
            "Distillation changes the student by 2.00 points of top1 over 4 seeds: "
            "too few seeds to say whether it pays.",
        ),
    ],
)
def test_the_verdict_rests_on_the_interval(gain: Estimate, text: str) -> None:
    assert distill_headline(replace(FOUND, gain=gain)) == text


def test_the_terminal_shows_all_three_with_their_intervals() -> None:
    assert distill_table(FOUND, 80) == (
        "digits: Distillation pays: the student gains 2.50 [2.22, 2.78] points of top1\n"
        "over 4 seeds.\n\n"
        "model              parameters  top1, %  [low, high]   seeds\n"
        "teacher               431,000     98.7                    1\n"
        "student alone           9,100     95.5  [95.0, 96.0]      4\n"
        "student distilled       9,100     98.0  [97.7, 98.3]      4\n\n"
        "data: MNIST-5000: 500 labels, 3,500 without, 1,000 prove"
    )


def test_the_page_has_a_dot_a_seed_and_joins_the_students() -> None:
    text = str(distill_page(FOUND))
    wide = text[text.index('<svg class="plot wide"') : text.index('<svg class="plot narrow"')]
    assert wide.count('class="mark float"') == 1 + 4 + 4
    assert wide.count('class="mark shipped"') == 3
    assert wide.count('class="leader"') == 4
    assert wide.count('class="errorbar"') == 2
    dots = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', wide)]
    assert dots[0] > max(dots[5:]) > min(dots[5:]) > max(dots[1:5])


def test_names_are_escaped_and_the_document_goes_along(tmp_path: Path) -> None:
    bad = replace(FOUND, name="<img src=x>", warnings=("</script>",))
    write_distill_html(bad, tmp_path / "d.html")
    text = (tmp_path / "d.html").read_text("utf-8")
    assert "<img" not in text
    assert text.count("</script>") == 1
    held = text.partition('id="document">')[2].partition("</script>")[0]
    assert json.loads(held) == distill_document(bad)


def test_all_the_same_scores_are_drawn_too() -> None:
    same = tuple(replace(each, scores=(0.9,), mean=Estimate(0.9, None, None)) for each in FOUND.trained)
    assert "NaN" not in distill_page(replace(FOUND, trained=same, seeds=(0,)))
