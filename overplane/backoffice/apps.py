from django.apps import AppConfig


class BackofficeConfig(AppConfig):
    name = "overplane.backoffice"
    label = "overplane_backoffice"
