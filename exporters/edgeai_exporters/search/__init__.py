"""Quantization within a budget: layers stay in higher precision by quality and latency, both measured."""

from __future__ import annotations

from .compete import compete, pareto
from .found import FLOAT, Found, Sensitivity, Timing
from .latency import LatencyMeter, LocalMeter, take_turns
from .remote import RemoteMeter
from .scheme_search import search
from .trials import Samples

__all__ = [
    "FLOAT",
    "Found",
    "LatencyMeter",
    "LocalMeter",
    "RemoteMeter",
    "Samples",
    "Sensitivity",
    "Timing",
    "compete",
    "pareto",
    "search",
    "take_turns",
]
