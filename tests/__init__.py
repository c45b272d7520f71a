import pytest

# Asserts in modules beside the tests tell what they compared, too.
pytest.register_assert_rewrite("tests")
