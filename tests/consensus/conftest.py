import pytest

pytest.register_assert_rewrite("consensus_template")
