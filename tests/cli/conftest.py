from __future__ import annotations

from cli.llm_shop import labelled, whole
from cli.small_shop import shop, workplace
from llm.asking import short_pauses
from llm.loopback import loopback, loopback_process

__all__ = [
    "labelled",
    "loopback",
    "loopback_process",
    "shop",
    "short_pauses",
    "whole",
    "workplace",
]
