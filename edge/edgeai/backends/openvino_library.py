"""OpenVINO's Python package without its telemetry: import `ov` from here.

With `openvino_telemetry` beside it, which pip installs, the mere import writes a client id below the home
and sends an event to Google Analytics, unasked (2026.4.1). Without that package it takes a stub of its own;
so the package is absent for as long as the import lasts. An application that imported OpenVINO before has
decided for itself.
"""

from __future__ import annotations

import sys

_TELEMETRY = "openvino_telemetry"

if "openvino" in sys.modules or _TELEMETRY in sys.modules:
    import openvino as ov
else:
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # what import takes for "not there"
    try:
        import openvino as ov
    finally:
        del sys.modules[_TELEMETRY]

__all__ = ["ov"]
