import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "overplane.settings")
django.setup(set_prefix=False)

from overplane.api.wsgi import Application  # noqa: E402 (it reads the settings)

application = Application()
