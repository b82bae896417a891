"""Embeddings of item texts by any sentence-transformers model."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from dataclasses import field
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.datasets import Catalogue
from karl.encoders.base import Encoder, ItemVectors
from karl.errors import ConfigError, KarlError

__all__ = ["SentenceTransformers"]

_PACKAGE = "package:"


@dataclass(frozen=True)
class SentenceTransformers(Encoder):
    """Sentence embeddings, such as multilingual-e5-small or all-MiniLM.

    Parameters
    ----------
    model : str
        A model name on the hub, a local folder, or `package:NAME` for a model
        inside an installed Python package that has `get_model_path()`.
    columns : list of str
        Text columns, joined by a space and normalised (NFKC).
    prefix : str
        Put before every text; the e5 models want `"query: "`.
    batch_size : int
        Texts at a time.
    device : str, optional
        `cpu`, `cuda`, `mps`; the best there is when left out.
    """

    model: str
    columns: list[str] = field(default_factory=lambda: ["title"])
    prefix: str = ""
    batch_size: int = Field(default=64, ge=1)
    device: str | None = None

    @property
    def text_columns(self) -> Sequence[str]:
        """The catalogue columns that the vectors depend on."""
        return self.columns

    @property
    def same_everywhere(self) -> bool:
        """Networks compute in single precision, whose noise shows in the fifth decimal."""
        return False

    def encode(self, catalogue: Catalogue) -> ItemVectors:
        """Encode every item; see `Encoder.encode`.

        Raises
        ------
        KarlError
            If the model can neither be found nor downloaded.
        """
        texts = [self.prefix + text for text in catalogue.texts(self.columns)]
        location = self._location()
        from sentence_transformers import SentenceTransformer

        try:
            model = SentenceTransformer(location, device=self.device)
        except (OSError, ValueError) as error:
            raise KarlError(
                f"the sentence-transformers model '{self.model}' cannot be loaded: {error}",
                hint="Give a local folder or a reachable model as encoder.model, "
                "or use encoder=tfidf_svd, which needs none.",
            ) from error
        values = model.encode(
            texts, batch_size=self.batch_size, normalize_embeddings=True, show_progress_bar=False
        )
        return ItemVectors(np.asarray(values, dtype=np.float32), [values.shape[1]])

    def _location(self) -> str:
        if not self.model.startswith(_PACKAGE):
            return self.model
        package = self.model.removeprefix(_PACKAGE)
        # The weights are on disk: a look at the hub would only fail or wait.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        # A run's configuration may come from somebody else: it has no module imported that merely
        # lies on the Python path.
        if package not in packages_distributions():
            raise ConfigError(
                f"encoder.model needs the Python package '{package}', which is not installed",
                hint="For encoder=minilm: pip install 'karl[minilm]'.",
            )
        return str(Path(importlib.import_module(package).get_model_path()))
