"""The owner of a job or a file is a person, not a name: a new person with the name of a deleted one inherits nothing."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q

# Of those from before jobs knew their person, where nobody has the name any more.
NOBODY = 0


def owned_by(user: Any) -> Q:
    return Q(owner_id=user.pk, owner_id__isnull=False)


def visible_to(user: Any) -> Q:
    """Jobs: everybody's own, all for those who look after them; what a deleted person has left for superusers alone."""
    if not user.has_perm("overplane_jobs.view_job"):
        return owned_by(user)
    if user.is_superuser:
        return Q()
    people = get_user_model().objects.filter(pk=OuterRef("owner_id"))
    return Q(owner_id__isnull=True) | Q(Exists(people))
