"""Item texts → item vectors, with an on-disk store."""

from karl.encoders.base import Encoder, ItemVectors
from karl.encoders.store import VectorStore

__all__ = ["Encoder", "ItemVectors", "VectorStore"]
