from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "overplane.api"
    label = "overplane_api"
    verbose_name = "API"
