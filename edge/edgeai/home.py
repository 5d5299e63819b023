"""Where edgeai keeps what it can make or fetch again: unpacked bundles, fetched models.

The first of these that is set decides; nothing is created here:

    EDGEAI_HOME                 any folder, taken as it is
    STATE_DIRECTORY             set by systemd for a service with `StateDirectory=edgeai`: /var/lib/edgeai.
                                Of another name, as where edgeai runs inside someone's own service, it gets
                                a folder `edgeai` in it.
    XDG_CACHE_HOME              its folder `edgeai`; one that is not absolute is ignored, as XDG asks
    the user's home             ~/.cache/edgeai, where the home exists
    /var/lib/edgeai             where it exists and can be written: users without a home

Whoever can write there decides what runs on this device, as with any program's own folder.
"""

from __future__ import annotations

import os
from pathlib import Path

from .errors import StoreError

SYSTEM_HOME = Path("/var/lib/edgeai")
"""Where images and packages put bundles for services."""


def home_folder() -> Path:
    """The folder by the rule above, absolute. Raises StoreError where there is none."""
    if home := os.environ.get("EDGEAI_HOME"):
        return Path(home).absolute()
    if state := _state_folder(os.environ.get("STATE_DIRECTORY", "")):
        return state
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if base.is_absolute():  # a relative one is to be ignored: XDG Base Directory Specification
        return base / "edgeai"
    return _below_users_home()


def _state_folder(value: str) -> Path | None:
    """systemd separates several folders by colons (systemd.exec(5), `$STATE_DIRECTORY`)."""
    folders = [Path(part) for part in value.split(":") if part.startswith("/")]
    own = [folder for folder in folders if folder.name == "edgeai"]
    return own[0] if own else folders[0] / "edgeai" if folders else None


def _below_users_home() -> Path:
    try:
        user = Path.home()
    except RuntimeError:  # a container's user id that no user has
        user = None
    if (user is None or not user.is_dir()) and os.access(SYSTEM_HOME, os.W_OK):
        return SYSTEM_HOME
    if user is None:
        raise StoreError("this user has no home folder to keep anything in; set EDGEAI_HOME to a folder")
    return user / ".cache" / "edgeai"
