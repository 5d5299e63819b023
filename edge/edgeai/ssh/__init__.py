"""Other machines over ssh, by the OpenSSH client that the user has set up: keys, config, agent."""

from __future__ import annotations

from .address import Address
from .connection import Connection, ConnectionLost

__all__ = ["Address", "Connection", "ConnectionLost"]
