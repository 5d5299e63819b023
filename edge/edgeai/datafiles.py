"""Where data that travels with the code lies: inside the wheel, or in the checkout."""

from __future__ import annotations

from pathlib import Path


def data_folder(module_file: str, name: str, in_checkout: str) -> Path:
    """The folder `_data/NAME` beside a module if it is there (a wheel), else the checkout's folder.

    module_file: `__file__` of the package's module. in_checkout: path from the package to the folder in the
    checkout. Located from the file and not from the installed distribution, because an editable install
    leaves stale copies of `_data` in site-packages.
    """
    package = Path(module_file).resolve().parent
    packaged = package / "_data" / name
    return packaged if packaged.is_dir() else (package / in_checkout).resolve()
