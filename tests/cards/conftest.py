from __future__ import annotations

from cards.knowing_server import knowing
from cli.small_shop import shop, workplace
from llm.loopback import loopback, loopback_process

__all__ = ["knowing", "loopback", "loopback_process", "shop", "workplace"]
