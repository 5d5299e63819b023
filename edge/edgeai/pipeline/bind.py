"""Binds a manifest's steps to functions; names, versions and parameters are checked before any model runs."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from ..bundle.declared import StepCall
from ..errors import EdgeError, ManifestError, RunError, one_line
from .table import STEPS

Function = Callable[..., Any]

# What a parameter's annotation accepts. The values come out of JSON.
_ACCEPTS: dict[str, Callable[[object], bool]] = {
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "str": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "dict": lambda value: isinstance(value, dict),
    "None": lambda value: value is None,
    "list[int]": lambda value: _is_list(value, "int"),
    "list[float]": lambda value: _is_list(value, "float"),
    "list[str]": lambda value: _is_list(value, "str"),
    "dict[str, float]": lambda value: isinstance(value, dict) and _is_list([*value.values()], "float"),
    "dict[str, Ref]": lambda value: isinstance(value, dict) and _is_list([*value.values()], "str"),
    "Asset": lambda value: isinstance(value, str),
    "Ref": lambda value: isinstance(value, str),
}
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "dict": "an object",
    "list[int]": "a list of whole numbers",
    "list[float]": "a list of numbers",
    "list[str]": "a list of texts",
    "dict[str, float]": "an object of numbers",
    "dict[str, Ref]": "an object of names of values",
    "Asset": "a file among the bundle's assets",
    "Ref": "the name of an earlier value",
}


class Step:
    """A step of a pipeline, ready to be called; `start()` gives what one stream calls."""

    def __init__(
        self, call: StepCall, target: Function, params: dict[str, Any], refs: dict[str, Any]
    ) -> None:
        self.call = call
        self.is_stateful = isinstance(target, type)
        """Whether it keeps something from one call to the next, so that every stream needs its own."""
        self.takes_list = _takes_list(target)
        self.takes_time = bool(getattr(target, "takes_time", False))
        self.params = params
        self.refs = refs
        """Parameters that are other values: their names, or objects of names."""
        self._target = target

    def start(self) -> Running:
        """The step for one stream, with fresh state."""
        if not self.is_stateful:
            return Running(self, self._target, self.params)
        return Running(self, self.guard(self._target, **self.params), {})

    def guard(self, function: Function, *values: Any, **params: Any) -> Any:
        """Call, with the step's name on whatever goes wrong inside."""
        try:
            return function(*values, **params)
        except EdgeError as error:
            if self.call.where in str(error):
                raise
            raise type(error)(f"{self}: {error}") from error
        except Exception as error:
            kind = type(error).__name__
            raise RunError(f"{self} failed: {one_line(error)} ({kind})") from error

    def __str__(self) -> str:
        return f"{self.call.where} ({self.call.op})"


class Running:
    """A step within one stream."""

    def __init__(self, step: Step, function: Function, params: dict[str, Any]) -> None:
        self.step = step
        self._function, self._params = function, params

    def __call__(
        self, value: Any, values: Mapping[str, Any], start_s: float | None = None, end_s: float | None = None
    ) -> Any:
        """The step's answer. values: the pipeline's values so far, for parameters that name one."""
        params = {**self._params, **self._refs(values)}
        if self.step.takes_time:
            params.update(start_s=start_s, end_s=end_s)
        if not isinstance(value, list) or self.step.takes_list:
            return self.step.guard(self._function, value, **params)
        count = len(value)
        return [
            self.step.guard(self._function, item, **{key: _at(each, row, count, key in self.step.refs)
                                                     for key, each in params.items()})
            for row, item in enumerate(value)
        ]  # fmt: skip

    def finish(self) -> Any:
        """What is left at the end of a stream; None where the step keeps nothing."""
        finish = getattr(self._function, "finish", None) if self.step.is_stateful else None
        return None if finish is None else self.step.guard(finish)

    def _refs(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            key: {name: values[ref] for name, ref in names.items()}
            if isinstance(names, dict)
            else values[names]
            for key, names in self.step.refs.items()
        }


def bind(
    call: StepCall,
    *,
    own: Mapping[str, Function],
    assets: Mapping[str, Path],
    known: set[str],
    shown: object,
) -> Step:
    """The step that a manifest calls. Raises ManifestError where something is not there.

    own: the application's own steps by name. known: values that parameters may
    name. shown: the bundle's path.
    """
    binder = _Binder(call, assets, known, shown)
    target = own.get(call.op)
    if target is not None:
        return Step(call, target, dict(call.params), {})
    if call.op not in STEPS:
        same = [name for name in STEPS if name.partition("@")[0] == call.op.partition("@")[0]]
        hint = (
            f"this edgeai has {', '.join(same)}"
            if same
            else f"pass it: edgeai.load(..., steps={{{call.op!r}: f}})"
        )
        binder.fail("", f"calls the step {call.op}, which is not built in; {hint}")
    module, _, name = STEPS[call.op].partition(":")
    return binder.bind(getattr(importlib.import_module(module), name))


class _Binder:
    def __init__(self, call: StepCall, assets: Mapping[str, Path], known: set[str], shown: object) -> None:
        self._call, self._assets, self._known, self._shown = call, assets, known, shown

    def fail(self, key: str, what: str) -> NoReturn:
        where = ".".join(part for part in (self._call.where, key) if part)
        raise ManifestError(one_line(f"{self._shown}: {where}: {what}", 600))

    def bind(self, target: Function) -> Step:
        accepted = {
            # `with_` stands for the manifest's `with`, which Python keeps for itself.
            name.rstrip("_"): parameter
            for name, parameter in inspect.signature(target).parameters.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        }
        params: dict[str, Any] = {}
        refs: dict[str, Any] = {}
        for key, value in self._call.params.items():
            if key not in accepted:
                self.fail(key, f"is no parameter of {self._call.op}; it has: {', '.join(accepted) or 'none'}")
            parameter = accepted[key]
            kind = self._kind(key, value, str(parameter.annotation))
            if kind in {"Ref", "dict[str, Ref]"}:
                refs[parameter.name] = self._checked_ref(key, value)
            else:
                params[parameter.name] = self._asset(key, value) if kind == "Asset" else value
        for key, parameter in accepted.items():
            if parameter.default is parameter.empty and key not in self._call.params:
                self.fail(key, f"is missing; {self._call.op} needs {_words(str(parameter.annotation))}")
        return Step(self._call, target, params, refs)

    def _kind(self, key: str, value: object, annotation: str) -> str:
        """Which of an annotation's alternatives a value is."""
        fits = [kind for kind in annotation.split(" | ") if _ACCEPTS[kind](value)]
        if not fits:
            self.fail(key, f"is {value!r}; give {_words(annotation)}")
        return fits[0]

    def _asset(self, key: str, name: str) -> Path:
        if name not in self._assets:
            have = ", ".join(self._assets) or "none"
            self.fail(key, f"is {name!r}, which is not among the bundle's assets ({have})")
        return self._assets[name]

    def _checked_ref(self, key: str, value: Any) -> Any:
        for name in value.values() if isinstance(value, dict) else [value]:
            if name not in self._known:
                self.fail(key, f"names {name!r}; the values before it are: {', '.join(sorted(self._known))}")
        return value


def _is_list(value: object, kind: str) -> bool:
    return isinstance(value, list) and all(_ACCEPTS[kind](item) for item in value)


def _words(annotation: str) -> str:
    return " or ".join(_WORDS[kind] for kind in annotation.split(" | ") if kind in _WORDS)


def _takes_list(target: Function) -> bool:
    """Whether the first parameter is annotated as a list: then the step sees all items of one at once."""
    function = getattr(target, "__call__", target) if isinstance(target, type) else target  # noqa: B004 - the method itself, not whether there is one
    for name, annotation in getattr(function, "__annotations__", {}).items():
        if name not in {"self", "return"}:
            return str(annotation).startswith("list[")
    return False


def _at(value: Any, row: int, count: int, is_ref: bool) -> Any:
    """Of a list that has a row for each item the item's own."""
    return value[row] if is_ref and isinstance(value, list) and len(value) == count else value
