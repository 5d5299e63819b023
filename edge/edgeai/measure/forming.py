"""The job of a worker that makes a form of a model: files for this device, by a library that may crash."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..backends import RunOptions
from ..backends.forms import make_form
from ..errors import InputError, ModelError, one_line
from ..open_bundle import open_bundle
from .protocol import MadeForm

if TYPE_CHECKING:
    from ..bundle import Model, Variant
    from .phases import Say
    from .protocol import Request


def run_forming(request: Request, say: Say) -> MadeForm:
    """Make the form that is asked for, in the folder of the choice.

    Raises as `make_form`, and ModelError where the disk has no room.
    """
    assert request.form is not None
    choice, folder = request.model.choice, request.model.choice_folder
    assert choice is not None
    assert folder is not None
    say("phase", name=f"form {request.form}")
    bundle, held = open_bundle(request.model.model)
    try:
        variant = _variant(bundle.models, request.model.name, choice.variant)
        options = RunOptions(
            threads=choice.threads,
            providers=choice.providers,
            signature=variant.signature,
            tuning=choice.tuning,
        )
        main = make_form(request.form, variant, options, Path(folder))
    except OSError as error:
        if not isinstance(error, ModelError):
            raise ModelError(f"{one_line(folder)} cannot hold the form: {error.strerror or error}") from error
        raise
    finally:
        if held is not None:
            held.close()
    files = {path.name: path.stat().st_size for path in sorted(Path(folder).iterdir()) if path.is_file()}
    return MadeForm(main.name, files)


def _variant(models: tuple[Model, ...], name: str | None, id_: str) -> Variant:
    for model in models:
        if name in {None, model.name}:
            for variant in model.variants:
                if variant.id == id_:
                    return variant
    raise InputError(f"there is no variant {one_line(id_)!r}")
