import pytest

pytest.register_assert_rewrite("sampler_template")
