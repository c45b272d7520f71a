"""The documented routes. Paths have no trailing slash; one is served the same."""

from django.urls import re_path

from crm.viewsets import CustomerBatchViewSet, CustomerExportViewSet, CustomerViewSet, SupplierNumberViewSet

COLLECTION = {"get": "list", "post": "create"}
OBJECT = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
REORDER = {"post": "reorder", "put": "reorder", "patch": "reorder"}

urlpatterns = [
    re_path(r"^customer/?$", CustomerViewSet.as_view(COLLECTION), name="customer-list"),
    re_path(r"^customer/batch/?$", CustomerBatchViewSet.as_view({"post": "batch"}), name="customer-batch"),
    re_path(r"^customer/export/?$", CustomerExportViewSet.as_view({"get": "export"}), name="customer-export"),
    re_path(r"^customer/(?P<id>[^/]+)/?$", CustomerViewSet.as_view(OBJECT), name="customer-detail"),
    re_path(r"^supplier-number-at-customer/?$", SupplierNumberViewSet.as_view(COLLECTION), name="supplier-number-list"),
    re_path(
        r"^supplier-number-at-customer/reorder/?$",
        SupplierNumberViewSet.as_view(REORDER),
        name="supplier-number-reorder",
    ),
    re_path(
        r"^supplier-number-at-customer/(?P<id>[^/]+)/?$",
        SupplierNumberViewSet.as_view(OBJECT),
        name="supplier-number-detail",
    ),
]
