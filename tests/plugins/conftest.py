from __future__ import annotations

from cli.small_shop import shop, workplace

__all__ = ["shop", "workplace"]
