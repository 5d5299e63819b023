"""One way to run one model on this device."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..backends.tuning import Tuning


@dataclass(frozen=True)
class Form:
    """Files that a backend made out of a model file for this device.

    kind: a name of `backends.forms.FORMS`. main: the file to open, or the cache to give to the backend.
    is_model: whether `main` is opened instead of the model file, or given to the backend beside it as cache.
    files: bytes of each file by name, `main` among them; they lie in one folder.
    """

    kind: str
    main: str
    is_model: bool = True
    files: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """What is opened and how. variant: id of the bundle's variant; `bare` for a model file."""

    variant: str
    backend: str
    threads: int
    providers: tuple[str, ...] = ()
    tuning: Tuning = Tuning()
    form: Form | None = None
