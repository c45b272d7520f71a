"""The routes of webhooks; whole paths, as in the domain's."""

from typing import Any

from django.urls import path

from overplane.api.webhooks.viewsets import (
    DeliveryViewSet,
    EndpointViewSet,
    PingViewSet,
    ReplayViewSet,
    ResendViewSet,
    SecretRollViewSet,
)

ENDPOINTS = "api/crm/webhook-endpoint"
ENDPOINT = f"{ENDPOINTS}/<str:id>"
DELIVERIES = f"{ENDPOINT}/delivery"
CREATE: dict[str, Any] = {"post": "create"}
DELIVERY = f"{DELIVERIES}/<str:delivery_id>"

urlpatterns = [
    path(ENDPOINTS, EndpointViewSet.as_view({"get": "list", "post": "create"}), name="webhook-endpoint-list"),
    path(
        ENDPOINT,
        EndpointViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="webhook-endpoint",
    ),
    path(f"{ENDPOINT}/ping", PingViewSet.as_view(CREATE), name="webhook-ping"),
    path(f"{ENDPOINT}/roll-secret", SecretRollViewSet.as_view(CREATE), name="webhook-roll-secret"),
    path(f"{ENDPOINT}/replay", ReplayViewSet.as_view(CREATE), name="webhook-replay"),
    path(DELIVERIES, DeliveryViewSet.as_view({"get": "list"}), name="webhook-delivery-list"),
    path(DELIVERY, DeliveryViewSet.as_view({"get": "retrieve"}), name="webhook-delivery"),
    path(f"{DELIVERY}/resend", ResendViewSet.as_view(CREATE), name="webhook-resend"),
]
