from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from crm.api.urls import urlpatterns as api_routes
from overplane import addresses, observability
from overplane.api import pages, probes
from overplane.api.events.viewsets import EventViewSet
from overplane.api.reference import docs
from overplane.api.webhooks.urls import urlpatterns as webhook_routes
from overplane.backoffice import failures
from overplane.database.metrics import ConnectionCollector
from overplane.database.postgresql import poolers
from overplane.events import lag
from overplane.events.webhooks.lag import WebhookCollector
from overplane.jobs.metrics import JobCollector
from overplane.people.signing_in import session

handler400 = pages.handler400
handler403 = pages.handler403
handler404 = pages.handler404
handler500 = failures.handler500

COLLECTORS = [
    observability.BuildCollector(), ConnectionCollector(), JobCollector(), lag.LagCollector(), WebhookCollector(),
    *observability.collectors,
]  # fmt: skip
urlpatterns = [
    path("api/crm/event", EventViewSet.as_view({"get": "list"}), name="event-list"),
    path("api/crm/event/<str:id>", EventViewSet.as_view({"get": "retrieve"}), name="event"),
    *api_routes,
    *webhook_routes,
    path("api/openapi.json", pages.openapi, name="openapi"),
    path("docs", docs, name="docs"),
    path("healthz", probes.healthz),
    path("readyz", probes.readyz, {"concerns": [lag.warnings, addresses.warnings, poolers.warnings]}),
    path("metrics", probes.metrics, {"collectors": COLLECTORS}),
    path("language", set_language, name="set_language"),
    path("admin/session/", session, name="session"),
    path("admin/second-factor/", include("overplane.people.urls")),
    path("admin/", include("crm.backoffice.pages.urls")),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(pattern_name="admin:index")),
]
