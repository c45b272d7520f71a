"""The routes of webhooks; whole paths, as in the domain's."""

from django.urls import path

from overplane.api.webhooks.viewsets import DeliveryViewSet, EndpointViewSet

ENDPOINTS = "api/crm/webhook-endpoint"
ENDPOINT = f"{ENDPOINTS}/<str:id>"
DELIVERIES = f"{ENDPOINT}/delivery"
DELIVERY = f"{DELIVERIES}/<str:delivery_id>"

urlpatterns = [
    path(ENDPOINTS, EndpointViewSet.as_view({"get": "list", "post": "create"}), name="webhook-endpoint-list"),
    path(
        ENDPOINT,
        EndpointViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="webhook-endpoint",
    ),
    path(f"{ENDPOINT}/ping", EndpointViewSet.as_view({"post": "ping"}), name="webhook-ping"),
    path(f"{ENDPOINT}/roll-secret", EndpointViewSet.as_view({"post": "roll_secret"}), name="webhook-roll-secret"),
    path(f"{ENDPOINT}/replay", EndpointViewSet.as_view({"post": "replay"}), name="webhook-replay"),
    path(DELIVERIES, DeliveryViewSet.as_view({"get": "list"}), name="webhook-delivery-list"),
    path(DELIVERY, DeliveryViewSet.as_view({"get": "retrieve"}), name="webhook-delivery"),
    path(f"{DELIVERY}/resend", DeliveryViewSet.as_view({"post": "resend"}), name="webhook-resend"),
]
