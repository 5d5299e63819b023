"""What goes to a worker and comes back is the same dataclass on the other side."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeai import wire
from edgeai.measure.conditions import Change, Conditions
from edgeai.measure.memory import Memory
from edgeai.measure.protocol import (
    InputRequest,
    Measured,
    ModelRequest,
    Phase,
    Probed,
    Request,
    Tensor,
    Timed,
)
from edgeai.measure.timing import QUICK_STOP, QUICK_WARM_UP

REQUEST = Request(
    model=ModelRequest(
        "a model.onnx", backend="onnxruntime", threads=4, providers=("cuda", "cpu"), signature=None
    ),
    inputs=InputRequest(
        shapes={"x": (1, 3, 640, 640), "": (), "serving_default_x:0": (1,)},
        values={"sr": 16000.0},
        loops={"state": "stateN"},
        seed=7,
    ),
    folder="a folder/ä",
    warm_up=QUICK_WARM_UP,
    stop=QUICK_STOP,
    rate_hz=10.0,
)
CONDITIONS = Conditions(
    time_s=12.5,
    frequencies_hz=(1_500_000_000, None),
    governors=("ondemand",),
    temperatures_c={"cpu-thermal": 48.75},
    load_1min=None,
    memory_available_bytes=None,
    swap_used_bytes=0,
    zram=True,
    throttle_counts={"throttled since boot": 1},
    throttle_now=("throttled",),
    cpu_busy_s=None,
    cpu_stolen_s=0.0,
    own_cpu_s=0.1,
    cgroup_throttled_s=None,
    power_mode=None,
    clocks_pinned=False,
)
MEMORY = Memory(1, 2, 3, 4, None, 0, None)
MEASURED = Measured(
    phases=(Phase("interpreter", 0.01, MEMORY, None), Phase("load", 0.2, MEMORY, 4096)),
    peak_resets=True,
    first_inference_s=0.003,
    warm_up_runs=5,
    converged=False,
    steady=Timed(
        (1_000_001, 999_999),
        2,
        4,
        0.004,
        0.0039,
        4_000_000,
        999_999,
        1_000_001,
        met_rule=False,
        half_width=0.02,
    ),
    paced=None,
    before=CONDITIONS,
    after=CONDITIONS,
    change=Change({"throttled": 1}, None, 0.01, None),
    paced_change=None,
    loop_s=1e-6,
    affinity=(0, 3),
    output_error=None,
    provider=None,
    provider_share={"cpu": 1.0},
)
PROBED = Probed(
    inputs=(Tensor("x", "f32", (1, 3)), Tensor("scalar", "i64", ())),
    outputs=(),
    open_dimensions=("x[0] (N)",),
    not_finite=(),
    samples_per_call=None,
    backend="litert",
    library_version="2.3",
    threads=1,
    provider="cpu",
    provider_share={},
)


@pytest.mark.parametrize(
    "value",
    [REQUEST, Request(ModelRequest("m"), InputRequest(), "f"), MEASURED, PROBED, CONDITIONS, MEMORY],
    ids=["request", "defaults", "measured", "probed", "conditions", "memory"],
)
def test_a_dataclass_comes_back_as_it_was(value: object) -> None:
    assert wire.loads(type(value), wire.dumps(value)) == value


def test_a_paced_loop_comes_back_where_there_is_one() -> None:
    loop = Timed((1, 2, 3), 1, 3, 0.3, 0.1, 6, 1, 3, late=2)
    back = wire.loads(Measured, wire.dumps(replace(MEASURED, paced=loop, paced_change=MEASURED.change)))
    assert back.paced == loop
    assert back.paced_change == MEASURED.change


def test_whole_nanoseconds_of_a_long_run_come_back_to_the_last_digit() -> None:
    loop = replace(MEASURED.steady, sum_ns=2**62 + 1)
    assert wire.loads(Timed, wire.dumps(loop)) == loop


def test_tuples_are_tuples_again_at_every_depth() -> None:
    back = wire.loads(Request, wire.dumps(REQUEST).encode())
    assert back.inputs.shapes["x"] == (1, 3, 640, 640)
    assert back.inputs.shapes[""] == ()
    assert back.model.providers == ("cuda", "cpu")


def test_a_message_is_one_line_whatever_its_strings_hold() -> None:
    text = wire.dumps(ModelRequest("two\nlines\u2028and\0more"))
    assert len(text.splitlines()) == 1
    assert wire.loads(ModelRequest, text).model == "two\nlines\u2028and\0more"


def test_a_field_that_was_not_sent_keeps_its_default() -> None:
    assert wire.loads(ModelRequest, '{"model":"m"}') == ModelRequest("m")


def test_a_field_that_nobody_knows_is_refused() -> None:
    with pytest.raises(KeyError, match="colour"):
        wire.loads(ModelRequest, '{"model":"m","colour":"red"}')


def test_a_field_that_is_missing_is_refused() -> None:
    with pytest.raises(TypeError, match="shape"):
        wire.loads(Tensor, '{"name":"x","dtype":"f32"}')


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(json.JSONDecodeError):
        wire.loads(Tensor, "Traceback (most recent call last):")


@dataclass(frozen=True)
class Nested:
    optional: tuple[tuple[int, ...], ...] | None
    by_name: dict[str, tuple[float | None, ...]]
    memory: Memory | None


@settings(deadline=None)  # machines are noisy
@given(
    st.none() | st.lists(st.lists(st.integers(), max_size=3).map(tuple), max_size=3).map(tuple),
    st.dictionaries(
        st.text(max_size=5),
        st.lists(st.none() | st.floats(allow_nan=False), max_size=3).map(tuple),
        max_size=3,
    ),
    st.none() | st.just(MEMORY),
)
def test_tuples_dictionaries_and_none_nest_as_they_like(
    optional: tuple[tuple[int, ...], ...] | None,
    by_name: dict[str, tuple[float | None, ...]],
    memory: Memory | None,
) -> None:
    value = Nested(optional, by_name, memory)
    assert wire.loads(Nested, wire.dumps(value)) == value
