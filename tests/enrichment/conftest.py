from __future__ import annotations

from cli.small_shop import shop, workplace
from enrichment.knowing_server import knowing
from llm.loopback import loopback, loopback_process

__all__ = ["knowing", "loopback", "loopback_process", "shop", "workplace"]
