"""What the platform is told of the back office: errors below /admin/ stand in its frame, for those who may see it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from overplane.api import surroundings


def frame(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    if user is None or not request.path.startswith("/admin/") or not admin.site.has_permission(request):
        return {}
    return {"request": request, "user": user} | admin.site.each_context(request)


surroundings.register(frame)
