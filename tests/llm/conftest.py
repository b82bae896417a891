from __future__ import annotations

from llm.asking import short_pauses
from llm.loopback import loopback, loopback_process, slow_process, slow_server

__all__ = ["loopback", "loopback_process", "short_pauses", "slow_process", "slow_server"]
