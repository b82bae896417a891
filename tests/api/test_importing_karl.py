from __future__ import annotations

import subprocess
import sys

import pytest

import karl
import karl.labels as module_of_labels
from karl.errors import KarlError

COSTLY = ("numpy", "polars", "torch", "hydra", "pydantic", "sklearn")
LOADED = f"import sys, karl; print([name for name in {COSTLY} if name in sys.modules])"


def printed(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_karl_imports_nothing_that_takes_time() -> None:
    assert printed(f"{LOADED}; dir(karl); karl.__version__") == "[]"


def test_setting_up_an_experiment_does_not_import_torch() -> None:
    code = "import sys, karl; karl.experiment(); print('torch' in sys.modules)"
    assert printed(code) == "False"


def test_every_name_is_there_and_listed() -> None:
    assert dir(karl) == sorted(karl.__all__)
    for name in karl.__all__:
        assert getattr(karl, name) is not None
    assert karl.KarlError is KarlError


def test_labels_are_a_module() -> None:
    assert karl.labels is module_of_labels
    assert printed("import karl; print(karl.labels.FunctionLabel(2).relation.name)") == (
        "COMPLEMENTARY"
    )


def test_what_there_is_not_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'karl' has no attribute 'experimnt'"):
        _ = karl.experimnt
