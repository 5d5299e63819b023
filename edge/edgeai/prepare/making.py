"""Makes forms, each once, in a process of its own: what makes them may crash."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .. import errors, wire
from ..backends.forms import FORMS
from ..backends.tuning import Tuning
from ..errors import EdgeError
from ..measure.launch import run_worker
from ..measure.protocol import MadeForm, ModelRequest, Request
from ..prepared.choice import Choice, Form
from ..store.room import check_room

if TYPE_CHECKING:
    from ..bundle import Model
    from .ways import Way

_TIMES = 3
"""A form has at most so many times the bytes of its model: pre-packed weights lie beside those that they are
made of, each rounded up to whole tiles."""
_SPARE_BYTES = 1 << 20


class Forms:
    """Forms of one model, in folders below one that its caller removes.

    request: whose model and bundle are meant. written_bytes: so far, for all of them.
    """

    def __init__(self, folder: Path, model: Model, request: Request) -> None:
        self._folder, self._model, self._request = folder, model, request
        self._made: dict[str, tuple[Form, Path] | EdgeError] = {}
        self.written_bytes = 0

    def of(self, way: Way, *, silence_s: float) -> tuple[Choice, Path | None]:
        """The choice with its form, and that one's folder. Raises the error of the first attempt again."""
        if way.form is None:
            return way.choice, None
        # A graph is the same for any number of threads; what a library has compiled need not be.
        threads = 1 if FORMS[way.form].is_model else way.choice.threads
        key = wire.dumps(replace(way.choice, tuning=_making(way), threads=threads, form=None)) + way.form
        if key not in self._made:
            self._made[key] = self._make(way, self._folder / f"form-{len(self._made)}", silence_s)
        made = self._made[key]
        if isinstance(made, EdgeError):
            raise made
        return replace(way.choice, form=made[0]), made[1]

    def _make(self, way: Way, folder: Path, silence_s: float) -> tuple[Form, Path] | EdgeError:
        assert way.form is not None
        try:
            check_room(f"the form {way.form} cannot be made", self._folder, self._needed_bytes(way))
            folder.mkdir()
            choice = replace(way.choice, tuning=_making(way), form=None)
            model = ModelRequest(
                self._request.model.model,
                backend=choice.backend,
                name=self._request.model.name,
                choice=choice,
                choice_folder=str(folder),
            )
            request = replace(self._request, model=model, form=way.form)
            made = run_worker(MadeForm, request, on_event=lambda event: None, silence_s=silence_s)
        except EdgeError as error:
            shutil.rmtree(folder, ignore_errors=True)
            return error
        except OSError as error:
            return errors.StoreError(
                f"the form {way.form} cannot be made: {error.strerror}; free space there"
            )
        self.written_bytes += sum(made.files.values())
        return Form(way.form, made.main, FORMS[way.form].is_model, made.files), folder

    def _needed_bytes(self, way: Way) -> int:
        variant = next(each for each in self._model.variants if each.id == way.choice.variant)
        beside = [variant.path.parent / Path(name).name for name in variant.files]
        sizes = [path.stat().st_size for path in {variant.path, *beside} if path.is_file()]
        return _TIMES * sum(sizes) + _SPARE_BYTES


def _making(way: Way) -> Tuning:
    """What a form is made with: settings of running alone make no other form."""
    return replace(way.tuned, spinning=None, arena=None, affinities=(), optimize=None)
