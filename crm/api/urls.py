"""The documented routes. Paths have no trailing slash; one is taken off before they are looked up.

Whole paths, which the site's routes hold as they are: each level of `include` costs every request another look-up.
"""

from django.urls import path

from crm.api.viewsets import (
    CustomerBatchViewSet,
    CustomerExportViewSet,
    CustomerSearchViewSet,
    CustomerViewSet,
    SupplierNumberOrderViewSet,
    SupplierNumberViewSet,
)

COLLECTION = {"get": "list", "post": "create"}
OBJECT = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
REORDER = {"post": "create", "put": "update", "patch": "partial_update"}
CUSTOMER, ROW = "api/crm/customer", "api/crm/supplier-number-at-customer"

urlpatterns = [
    path(CUSTOMER, CustomerViewSet.as_view(COLLECTION), name="customer-list"),
    path(f"{CUSTOMER}/batch", CustomerBatchViewSet.as_view({"post": "create"}), name="customer-batch"),
    path(f"{CUSTOMER}/export", CustomerExportViewSet.as_view({"get": "list"}), name="customer-export"),
    path(f"{CUSTOMER}/search", CustomerSearchViewSet.as_view({"post": "create"}), name="customer-search"),
    path(f"{CUSTOMER}/<str:id>", CustomerViewSet.as_view(OBJECT), name="customer-detail"),
    path(ROW, SupplierNumberViewSet.as_view(COLLECTION), name="supplier-number-list"),
    path(f"{ROW}/reorder", SupplierNumberOrderViewSet.as_view(REORDER), name="supplier-number-reorder"),
    path(f"{ROW}/<str:id>", SupplierNumberViewSet.as_view(OBJECT), name="supplier-number-detail"),
]
