"""Steps of a manifest are bound to functions; what does not fit is said before any model runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeai.bundle.declared import StepCall
from edgeai.errors import InputError, ManifestError, RunError
from edgeai.pipeline import bind as binding
from edgeai.pipeline.bind import Step, bind
from edgeai.pipeline.table import STEPS
from edgeai.pipeline.values import Asset, Ref

HERE = __name__


def scaled(value: float, *, by: float, offset: int = 0, label: str | None = None) -> float:
    return value * by + offset


def looked_up(value: float, *, file: Asset, with_: Ref, others: dict[str, Ref]) -> Any:
    return file, with_, others


def summed(value: list[float], *, start: float = 0.0) -> float:
    return start + sum(value)


class Counted:
    """A step with state."""

    def __init__(self, *, first: int = 1) -> None:
        self.count = first

    def __call__(self, value: float) -> float:
        self.count += 1
        return value + self.count - 1

    def finish(self) -> int:
        return self.count


class Timed:
    takes_time = True

    def __call__(self, value: float, *, start_s: float, end_s: float) -> tuple[float, float, float]:
        return value, start_s, end_s


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps of this file beside the real ones; `bind` reads them from a module as it does the others."""
    import sys
    import types

    module = types.ModuleType("steps_of_a_test")
    for function in (scaled, looked_up, summed, Counted, Timed):
        setattr(module, function.__name__, function)
    monkeypatch.setitem(sys.modules, "steps_of_a_test", module)
    names = ("scaled", "looked_up", "summed", "Counted", "Timed")
    extra = {f"test.{name.lower()}@1": f"steps_of_a_test:{name}" for name in names}
    monkeypatch.setattr(binding, "STEPS", {**STEPS, **extra})


def bound(op: str, own: dict[str, Callable[..., Any]] | None = None, **params: Any) -> Step:
    return bind(
        StepCall(op, params, "pipeline[0].pre[0]"),
        own=own or {},
        assets={"labels.txt": Path("/b/labels.txt")},
        known={"source", "boxes"},
        shown="x.edge",
    )


def test_a_step_is_called_with_its_parameters() -> None:
    assert bound("test.scaled@1", by=2, offset=1).start()(3.0, {}) == 7.0


def test_assets_become_paths_and_names_become_values() -> None:
    step = bound("test.looked_up@1", file="labels.txt", **{"with": "boxes"}, others={"a": "source"})
    assert step.start()(0.0, {"boxes": 5, "source": 6}) == (Path("/b/labels.txt"), 5, {"a": 6})


def test_a_step_is_mapped_over_a_list_unless_it_takes_lists() -> None:
    assert bound("test.scaled@1", by=2).start()([1.0, 2.0], {}) == [2.0, 4.0]
    assert bound("test.summed@1").start()([1.0, 2.0], {}) == 3.0


def test_a_value_with_a_row_for_each_item_is_given_row_by_row() -> None:
    step = bound("test.looked_up@1", file="labels.txt", **{"with": "boxes"}, others={"a": "source"})
    found = step.start()([1.0, 2.0], {"boxes": ["b1", "b2"], "source": "s"})
    assert [each[1] for each in found] == ["b1", "b2"]


def test_every_stream_has_a_state_of_its_own() -> None:
    step = bound("test.counted@1", first=10)
    one, other = step.start(), step.start()
    assert [one(0.0, {}), one(0.0, {}), other(0.0, {})] == [10.0, 11.0, 10.0]
    assert (one.finish(), other.finish()) == (12, 11)
    assert bound("test.scaled@1", by=1).start().finish() is None


def test_a_step_that_asks_for_times_gets_them() -> None:
    assert bound("test.timed@1").start()(1.0, {}, 2.0, 3.0) == (1.0, 2.0, 3.0)


def test_an_application_brings_its_own_steps() -> None:
    own = {"acme.twice@1": lambda value, times=2: value * times}
    assert bound("acme.twice@1", own).start()(4, {}) == 8
    assert bound("acme.twice@1", own, times=3).start()(4, {}) == 12


@pytest.mark.parametrize(
    ("op", "params", "message"),
    [
        (
            "acme.x@1",
            {},
            "pipeline[0].pre[0]: calls the step acme.x@1, which is not built in; pass it: edgeai.load",
        ),
        (
            "test.scaled@9",
            {},
            "calls the step test.scaled@9, which is not built in; this edgeai has test.scaled@1",
        ),
        ("test.scaled@1", {}, "pipeline[0].pre[0].by: is missing; test.scaled@1 needs a number"),
        ("test.scaled@1", {"by": "2"}, "pipeline[0].pre[0].by: is '2'; give a number"),
        ("test.scaled@1", {"by": True}, "pipeline[0].pre[0].by: is True; give a number"),
        ("test.scaled@1", {"by": 1, "offset": 1.5}, "pipeline[0].pre[0].offset: is 1.5; give a whole number"),
        ("test.scaled@1", {"by": 1, "label": 5}, "pipeline[0].pre[0].label: is 5; give a text"),
        (
            "test.scaled@1",
            {"by": 1, "to": 5},
            "pipeline[0].pre[0].to: is no parameter of test.scaled@1; it has: by",
        ),
        (
            "test.looked_up@1",
            {"file": "x.txt", "with": "boxes", "others": {}},
            "pipeline[0].pre[0].file: is 'x.txt', which is not among the bundle's assets (labels.txt)",
        ),
        (
            "test.looked_up@1",
            {"file": "labels.txt", "with": "later", "others": {}},
            "pipeline[0].pre[0].with: names 'later'; the values before it are: boxes, source",
        ),
        (
            "test.looked_up@1",
            {"file": "labels.txt", "with": "boxes", "others": {"a": "later"}},
            "pipeline[0].pre[0].others: names 'later'",
        ),
    ],
)  # fmt: skip
def test_a_step_that_does_not_fit_is_named(op: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(ManifestError) as error:
        bound(op, **params)
    assert str(error.value).startswith("x.edge: pipeline[0].pre[0]")
    assert message in str(error.value)


def test_what_goes_wrong_inside_a_step_names_the_step() -> None:
    def fails(value: object) -> None:
        raise KeyError("no such thing")

    def refuses(value: object) -> None:
        raise InputError("too small")

    with pytest.raises(
        RunError, match=r"pipeline\[0\].pre\[0\] \(a.f@1\) failed: .*no such thing.* \(KeyError\)"
    ):
        bound("a.f@1", {"a.f@1": fails}).start()(1, {})
    with pytest.raises(InputError, match=r"pipeline\[0\].pre\[0\] \(a.f@1\): too small"):
        bound("a.f@1", {"a.f@1": refuses}).start()(1, {})


@pytest.mark.parametrize("name", STEPS)
def test_every_step_of_the_table_can_be_bound(name: str) -> None:
    """Its function exists, its parameters are keyword-only, with annotations that are checked."""
    import importlib
    import inspect

    module, _, function = STEPS[name].partition(":")
    target = getattr(importlib.import_module(module), function)
    assert target.__doc__, "a step says what it does"
    parameters = list(inspect.signature(target).parameters.values())
    for parameter in parameters if isinstance(target, type) else parameters[1:]:
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY, parameter
        unknown = set(str(parameter.annotation).split(" | ")) - set(binding._ACCEPTS)
        assert not unknown, parameter
