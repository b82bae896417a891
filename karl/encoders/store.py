"""Item vectors on disk, so that no (catalogue, encoder) is encoded twice."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock

from karl.config.identity import identity
from karl.datasets import Catalogue
from karl.datasets.catalogue import ITEM_ID, update_digest
from karl.encoders.base import Encoder, ItemVectors
from karl.errors import KarlError
from karl.files import atomic_path, hash_json, write_json

__all__ = ["VectorStore"]

# What matrix products differ by between processors, about 1e-12, is gone when vectors are stored.
_DECIMALS = 5


@dataclass(frozen=True)
class VectorStore:
    """A folder of item vectors, one set a content hash.

    Parameters
    ----------
    folder : Path
        Made when the first vectors are stored. Several processes may share
        it: one encodes, the others wait for it.
    """

    folder: Path

    def key(self, catalogue: Catalogue, encoder: Encoder) -> str:
        """Return the hash of the texts and of the encoder's configuration."""
        digest = hashlib.sha256(hash_json([identity(encoder), _DECIMALS]).encode())
        for column in (ITEM_ID, *encoder.text_columns):
            if catalogue.has(column):
                update_digest(digest, catalogue.table[column])
        return digest.hexdigest()[:32]

    def get(self, catalogue: Catalogue, encoder: Encoder) -> ItemVectors:
        """Return the vectors of all items, encoding them only if need be.

        Parameters
        ----------
        catalogue : Catalogue
        encoder : Encoder

        Returns
        -------
        ItemVectors
            Memory-mapped from the store, the same bytes every time.

        Raises
        ------
        KarlError
            If the encoder gives vectors that are not finite or too few.
        """
        key = self.key(catalogue, encoder)
        values_file = self.folder / f"{key}.npy"
        if not values_file.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / f"{key}.lock"):
                if not values_file.exists():
                    self._write(key, values_file, encoder.encode(catalogue), len(catalogue))
        blocks = json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8"))["blocks"]
        return ItemVectors(np.load(values_file, mmap_mode="r"), blocks)

    def _write(self, key: str, values_file: Path, vectors: ItemVectors, n_items: int) -> None:
        if len(vectors.values) != n_items or not np.isfinite(vectors.values).all():
            raise KarlError(
                f"the encoder gave {vectors.values.shape} values for {n_items} items, "
                "or some that are not finite"
            )
        # The values go last: where they are, the set is complete.
        write_json(self.folder / f"{key}.json", {"blocks": list(vectors.blocks)})
        with atomic_path(values_file) as temporary:
            np.save(temporary, np.round(vectors.values, _DECIMALS).astype(np.float32))
