"""Power and energy: sensors in one table, a sampler, and the integration of what it saw into joules.

    site = Site(SysRoot(), detect())
    found = find_meter(site)                    the most trusted one that works here, or why there is none
    with Sampler(found) as sampler: ...

A meter is one file and one line of METERS. Numbers are never invented: what cannot be read is `Unavailable`
with its reason and what to do, or a gap in a trace, and never 0.
"""

from __future__ import annotations

from .find import METERS, Survey, find_meter, survey
from .meter import (
    COUNTER_J,
    GAUGE_W,
    ErrorModel,
    Meter,
    MeterInfo,
    Rail,
    ReadFailed,
    Site,
)
from .trace import Span, Trace

__all__ = [
    "COUNTER_J",
    "GAUGE_W",
    "METERS",
    "ErrorModel",
    "Meter",
    "MeterInfo",
    "Rail",
    "ReadFailed",
    "Site",
    "Span",
    "Survey",
    "Trace",
    "find_meter",
    "survey",
]
