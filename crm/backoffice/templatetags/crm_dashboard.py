from typing import Any

from django import template

from crm.backoffice import dashboard
from overplane.backoffice.origin import actor_of

register = template.Library()


@register.inclusion_tag("crm/dashboard.html", takes_context=True)
def customer_dashboard(context: template.Context) -> dict[str, Any]:
    request = context["request"]
    return dashboard.panels(request.user, actor_of(request)) | {"user": request.user, "perms": context.get("perms")}
