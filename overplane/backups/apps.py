from django.apps import AppConfig


class BackupsConfig(AppConfig):
    name = "overplane.backups"
    label = "overplane_backups"
