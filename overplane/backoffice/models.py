"""What a person saves about a list: named views, and the columns of the list without a view."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop


class SavedView(models.Model):
    """Search, filters, order and columns under a name. The one without a name is how its owner's list opens."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    page = models.CharField(max_length=100)
    name = models.CharField(_("name"), max_length=80, blank=True)
    query = models.TextField(blank=True)
    columns = models.JSONField(default=list)
    layout = models.JSONField(default=dict)  # widths of columns in pixels by their name, and whether rows are low
    is_shared = models.BooleanField(_("share"), default=False)
    # Of the one without a name: how its owner sees the tabs. `order` and `hidden` are lists of primary keys.
    arrangement = models.JSONField(default=dict)
    opens = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["name", "id"]
        default_permissions = ()
        permissions = [("share_savedview", gettext_noop("Can share views of lists with everybody"))]
        constraints = [models.UniqueConstraint(fields=["user", "page", "name"], name="saved_view_name")]

    def __str__(self) -> str:
        return self.name
