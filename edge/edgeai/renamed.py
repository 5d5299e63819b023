"""A runner whose inputs and outputs go by a manifest's names instead of the file's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from .errors import ManifestError, one_line

if TYPE_CHECKING:
    from .backends import Array, Runner


class RenamedRunner:
    """See `edgeai.backends.Runner`. names: the file's own name by the manifest's."""

    def __init__(self, runner: Runner, names: Mapping[str, str], shown: str) -> None:
        self._runner = runner
        own = {spec.name for spec in (*runner.inputs, *runner.outputs)}
        for name, own_name in names.items():
            if own_name not in own:
                raise ManifestError(
                    f"{one_line(shown)}: names.{one_line(name)} is {own_name!r}, which the file has not; "
                    f"it has: {one_line(', '.join(sorted(own)))}"
                )
        self._to_own = dict(names)
        self._to_ours = {own_name: name for name, own_name in names.items()}
        self.inputs = tuple(replace(s, name=self._to_ours.get(s.name, s.name)) for s in runner.inputs)
        self.outputs = tuple(replace(s, name=self._to_ours.get(s.name, s.name)) for s in runner.outputs)

    @property
    def provider(self) -> str | None:
        """See `Runner.provider`."""
        return self._runner.provider

    @property
    def provider_share(self) -> Mapping[str, float]:
        """See `Runner.provider_share`."""
        return self._runner.provider_share

    def run(self, inputs: Mapping[str, Array], out: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """See `Runner.run`."""
        own = {self._to_own.get(name, name): array for name, array in inputs.items()}
        own_out = {self._to_own.get(name, name): array for name, array in out.items()} if out else None
        outputs = self._runner.run(own, own_out)
        return {self._to_ours.get(name, name): array for name, array in outputs.items()}

    def reset(self) -> None:
        """See `Runner.reset`."""
        self._runner.reset()

    def close(self) -> None:
        """See `Runner.close`."""
        self._runner.close()
