from axes import apps as axes_apps
from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PeopleConfig(AppConfig):
    name = "overplane.people"
    label = "overplane_people"
    verbose_name = _("People")


class LoginsConfig(axes_apps.AppConfig):
    verbose_name = _("Logins")
    default = False
