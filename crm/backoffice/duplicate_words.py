"""Why two customers are perhaps one, in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crm.line_items import BY_NAME
from crm.models import Customer
from overplane.database.fields import field_of

AGREEMENTS = {
    "same": _("same %(attribute)s"),
    "alike": _("similar %(attribute)s"),
    "different": _("%(attribute)s differs"),
}
# From so many bits on, for or against: 9 bits are 512 to 1.
VERY_STRONG, STRONG, WEAK, STRONGLY_AGAINST = 9.0, 4.0, 1.0, -4.5
SHORTEST = 3  # reasons in a line of a list


def _label(attribute: str) -> str:
    if kind := BY_NAME.get(attribute):
        return str(kind.label)
    return str(field_of(Customer, attribute).verbose_name)


def reason(one: Mapping[str, Any]) -> str:
    """As in “same tax ID, very strong” or “primary address differs, against”."""
    said = str(AGREEMENTS[one["agreement"]]) % {"attribute": _label(one["attribute"])}
    weight = one["weight"]
    if weight >= VERY_STRONG:
        how = gettext("very strong")
    elif weight >= STRONG:
        how = gettext("strong")
    elif weight >= WEAK:
        how = gettext("weak")
    elif weight > -WEAK:
        how = gettext("says nothing")
    else:
        how = gettext("against") if weight > STRONGLY_AGAINST else gettext("strongly against")
    return gettext("%(said)s, %(how)s") % {"said": said, "how": how}


def sentence(reasons: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(map(reason, reasons))


def in_short(reasons: Sequence[Mapping[str, Any]]) -> str:
    """What speaks for it, without weights."""
    speaking = [one for one in reasons if one["weight"] > 0 and one["agreement"] != "different"] or list(reasons)
    words = [str(AGREEMENTS[one["agreement"]]) % {"attribute": _label(one["attribute"])} for one in speaking]
    return ", ".join(words[:SHORTEST])
