from collections.abc import Sequence

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _

from overplane.events import types


def names_of_keys(ids: Sequence[str]) -> dict[str, str]:
    return dict(apps.get_model("overplane_api", "ApiKey").objects.filter(pk__in=ids).values_list("pk", "name"))


def keys_named(name: str) -> Sequence[str]:
    return list(apps.get_model("overplane_api", "ApiKey").objects.filter(name=name).values_list("pk", flat=True))


class ApiConfig(AppConfig):
    name = "overplane.api"
    label = "overplane_api"
    verbose_name = _("API")

    def ready(self) -> None:
        types.names["api_key"] = types.Names(names_of_keys, keys_named)
