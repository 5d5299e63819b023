"""Every error edgeai raises on purpose: what failed, on what, what to do next.

    EdgeError
    ├── ModelError (ValueError)            the file cannot be run: damaged, unsupported, wrong kind
    │   ├── ModelNotFound (FileNotFoundError)
    │   ├── ModelTooLarge (MemoryError)    not even its weights fit into the RAM that is free
    │   └── BundleError                    a bundle cannot be used
    │       ├── BundleDamaged              cut short, changed, or no bundle at all
    │       ├── BundleUnsafe               what an honest bundle never holds: escaping paths, duplicates, ...
    │       ├── BundleTooNew               a schema or a requirement that this edgeai does not know
    │       └── ManifestError              names the path inside the manifest
    ├── InputError (ValueError)            what the caller passed does not fit the model
    ├── RunError (RuntimeError)            the backend failed while it ran the model
    ├── SessionClosed (RuntimeError)       run() after close()
    ├── ConfigError (ValueError)           a TOML of ours or of the user is wrong; names file and key
    │   ├── UnknownDevice (LookupError)
    │   ├── UnknownBackend (LookupError)
    │   └── OtherUnit                      a local overlay was made on another unit of the board
    ├── UsageError (ValueError)            command-line words that do not fit together
    ├── NothingFits (ValueError)           no way to run a model keeps to the limits that were set
    ├── BackendMissing (ImportError)       names the extra to install
    ├── ExtraMissing (ImportError)         the same for a library that a step or a source needs
    ├── MeterMissing (OSError)             nothing here measures energy, or not the meter that was named
    ├── ProviderError (RuntimeError)       an execution provider asked for is absent or cannot run nodes
    ├── ExportError (ValueError)           a source cannot be exported; names the node or the file
    │   └── UnsupportedOperator            an operator has no form in the target format
    ├── StoreError (OSError)               the store of unpacked bundles cannot be read or written
    ├── NotPrepared (LookupError)          a prepared model was asked for, and there is none that can be used
    ├── FetchError (OSError)               a download failed or has the wrong hash
    ├── RemoteError (OSError)              another machine cannot be reached by ssh, or a command there failed
    └── WorkerError (RuntimeError)         a measuring process failed
        ├── WorkerCrashed                  ... by a signal or an unexpected exit
        └── WorkerTimeout (TimeoutError)   ... by saying nothing for too long

and warnings: ProviderUnused, VariantSkipped, MemoryTight, PreparedStale and PreparedUnusable. The command
line alone turns errors into exit codes (`edgeai.cli.exit_code`).
"""

from __future__ import annotations


class EdgeError(Exception):
    """Base of all errors that edgeai raises on purpose."""


class ModelError(EdgeError, ValueError):
    """The model file cannot be run: damaged, unsupported, or no model at all."""


class ModelNotFound(ModelError, FileNotFoundError):  # noqa: N818 - reads as its builtin does
    """No file at the path."""


class ModelTooLarge(ModelError, MemoryError):  # noqa: N818
    """Not even the model's weights fit into the RAM that is free; another variant may."""


class BundleError(ModelError):
    """A bundle cannot be used."""


class BundleDamaged(BundleError):  # noqa: N818
    """A bundle is cut short, was changed after it was made, or is none."""


class BundleUnsafe(BundleError):  # noqa: N818
    """A bundle holds what an honest one never does: a path that leads out, a member twice, a link, ..."""


class BundleTooNew(BundleError):  # noqa: N818
    """A bundle says that it needs more than this edgeai can do; update edgeai."""


class ManifestError(BundleError):
    """A manifest is wrong; the message names the file and the path inside it."""


class InputError(EdgeError, ValueError):
    """What the caller passed to run() does not fit the model; the message states what the model wants."""


class RunError(EdgeError, RuntimeError):
    """The backend failed while running the model."""


class SessionClosed(EdgeError, RuntimeError):  # noqa: N818 - a state, not a failure of ours
    """The session was closed before this call."""


class ConfigError(EdgeError, ValueError):
    """A TOML file is wrong; the message names the file and the key."""


class UnknownDevice(ConfigError, LookupError):  # noqa: N818
    """No device profile has this id."""


class UnknownBackend(ConfigError, LookupError):  # noqa: N818
    """No backend has this name."""


class OtherUnit(ConfigError):  # noqa: N818
    """A local overlay (`edgeai calibrate`) was made on another unit than this one."""


class UsageError(EdgeError, ValueError):
    """Options that do not fit together or a value that cannot be read."""


class NothingFits(EdgeError, ValueError):  # noqa: N818
    """No way to run a model keeps to the limits of RAM or time; the message names the nearest."""


class BackendMissing(EdgeError, ImportError):  # noqa: N818
    """A backend's library is not installed or does not load; the message names the extra."""


class ExtraMissing(EdgeError, ImportError):  # noqa: N818
    """A library that a step or a source needs is not installed or does not load; names the extra."""


class ExportError(EdgeError, ValueError):
    """A source cannot be exported, or data for it does not fit."""


class UnsupportedOperator(ExportError):  # noqa: N818
    """An operator has no form in the target format; the message names the node and what to do."""


class MeterMissing(EdgeError, OSError):  # noqa: N818
    """Energy was required, or a meter was named, and nothing measures here; the message says why."""


class ProviderError(EdgeError, RuntimeError):
    """An execution provider that was asked for is not in this build, or nodes cannot run on it and may not
    run on the CPU."""


class ProviderUnused(UserWarning):
    """A warning, no error: no node runs on a provider that was asked for; others run them."""


class MemoryTight(UserWarning):
    """A warning, no error: a model will probably need more RAM than is free."""


class VariantSkipped(UserWarning):
    """A warning, no error: a bundle's variant should run here and does not open; another one runs."""


class PreparedStale(UserWarning):
    """A warning, no error: a model was prepared for other software, another device or another file; it runs
    as it came."""


class PreparedUnusable(UserWarning):
    """A warning, no error: what was prepared of a model is damaged or does not open; it runs as it came."""


class NotPrepared(EdgeError, LookupError):  # noqa: N818
    """`prepared=True`, and nothing prepared can be used here; the message says why."""


class StoreError(EdgeError, OSError):
    """The store of unpacked bundles cannot be read or written: no room, no permission, no folder."""


class FetchError(EdgeError, OSError):
    """A download failed, or what came has the wrong sha256."""


class RemoteError(EdgeError, OSError):
    """Another machine cannot be reached by ssh, or what it was asked to do failed."""


class WorkerError(EdgeError, RuntimeError):
    """A measuring process failed; the message says in which phase."""


class WorkerCrashed(WorkerError):  # noqa: N818
    """A measuring process died by a signal or ended without a result."""


class WorkerTimeout(WorkerError, TimeoutError):  # noqa: N818
    """A measuring process said nothing for longer than its limit and was killed."""


def one_line(text: object, limit: int = 300) -> str:
    """A path, a name in a model or a library's message as an error shows it: printable, on one line.

    What cannot be printed is escaped (`\\n`, `\\x1b`); what is longer than the limit loses its middle.
    """
    line = str(text)
    if len(line) > limit:  # first, so that a long name is not escaped as a whole
        line = f"{line[: limit // 2 - 2]}...{line[-limit // 2 + 2 :]}"
    if line.isprintable():
        return line
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in line
    )
