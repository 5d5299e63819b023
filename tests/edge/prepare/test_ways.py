"""Which ways are tried, and in which order."""

from __future__ import annotations

from edgeai.backends.tuning import Tuning
from edgeai.prepare.ways import Base, Space, Way, first_ways, merged, neighbours, told, way_of

SAVED = Tuning(optimize="none")
CALM, LEAN = Tuning(spinning=False), Tuning(arena=False)
ONNX = Base(
    "f32", "onnxruntime", (), (("prepacked", SAVED), ("optimized", SAVED)), {2: (CALM, LEAN), 1: (LEAN,)}
)
INT8 = Base("int8", "litert", ())
SPACE = Space((ONNX, INT8), (2, 1))


def labels(ways: list[Way]) -> list[str]:
    return [way.label for way in ways]


def test_for_latency_a_form_comes_first_then_other_variants_then_threads() -> None:
    assert labels(first_ways(SPACE, "latency")) == [
        "f32 on onnxruntime, 2 threads, prepacked",
        "int8 on litert, 2 threads",
        "f32 on onnxruntime, 1 thread",
        "f32 on onnxruntime, 2 threads, optimized",
        "f32 on onnxruntime, 2 threads, no spinning",
        "f32 on onnxruntime, 2 threads, no arena",
    ]


def test_for_ram_settings_come_before_other_variants() -> None:
    assert labels(first_ways(SPACE, "ram"))[2:5] == [
        "f32 on onnxruntime, 2 threads, no spinning",
        "f32 on onnxruntime, 2 threads, no arena",
        "int8 on litert, 2 threads",
    ]


def test_a_neighbour_differs_in_one_thing_and_keeps_the_rest() -> None:
    way = way_of(ONNX, 2, ("prepacked", SAVED), CALM)
    assert labels(neighbours(way, SPACE, "latency")) == [
        "f32 on onnxruntime, 2 threads, optimized, no spinning",
        "f32 on onnxruntime, 2 threads, no spinning",
        "f32 on onnxruntime, 1 thread, prepacked, no spinning",
        "f32 on onnxruntime, 2 threads, prepacked, no spinning, no arena",
        "f32 on onnxruntime, 2 threads",
        "int8 on litert, 2 threads",
    ]


def test_what_a_form_needs_is_set_and_not_told() -> None:
    way = way_of(ONNX, 2, ("prepacked", Tuning(optimize="none", prepack=False)), CALM)
    assert way.choice.tuning == Tuning(spinning=False, optimize="none", prepack=False)
    assert way.label == "f32 on onnxruntime, 2 threads, prepacked, no spinning, no pre-packing"


def test_a_bare_file_has_no_variant_in_its_label() -> None:
    assert way_of(Base("bare", "litert", ()), 1).label == "litert, 1 thread"


def test_the_order_is_the_same_each_time_and_no_way_comes_twice() -> None:
    once, again = (labels(first_ways(SPACE, "load")) for _ in range(2))
    assert once == again
    assert len(once) == len(set(once))


def test_one_setting_over_another_keeps_what_it_leaves_alone() -> None:
    first = Tuning(spinning=True, sizes={"n": 1})
    second = Tuning(arena=False, sizes={"h": 640}, affinities=((1,),))
    assert merged(first, second) == Tuning(
        spinning=True, arena=False, sizes={"n": 1, "h": 640}, affinities=((1,),)
    )


def test_settings_are_told_in_words() -> None:
    tuning = Tuning(prepack=False, affinities=((2,), (3, 4)), sizes={"n": 1}, optimize="basic")
    assert told(tuning) == ["optimize basic", "no pre-packing", "threads on CPUs 2 3+4", "n=1"]
