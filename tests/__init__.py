import pkgutil

import pytest

# Asserts in modules beside the tests tell what they compared, too.
pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)))
