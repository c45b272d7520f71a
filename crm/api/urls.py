"""The documented routes. Paths have no trailing slash; one is taken off before they are looked up.

Whole paths, which the site's routes hold as they are: each level of `include` costs every request another look-up.
"""

from django.urls import path

from crm.api import line_item_viewsets
from crm.api.duplicate_viewsets import CustomerDuplicateViewSet, DismissViewSet, DuplicateViewSet, ReopenViewSet
from crm.api.line_item_viewsets import COLLECTION, OBJECT
from crm.api.merge_viewsets import CustomerMergeViewSet, CustomerUnmergeViewSet
from crm.api.viewsets import CustomerBatchViewSet, CustomerExportViewSet, CustomerSearchViewSet, CustomerViewSet
from crm.line_items import LINE_ITEMS

CUSTOMER = "api/crm/customer"
DUPLICATE = "api/crm/duplicate"

urlpatterns = [
    path(CUSTOMER, CustomerViewSet.as_view(COLLECTION), name="customer-list"),
    path(f"{CUSTOMER}/batch", CustomerBatchViewSet.as_view({"post": "create"}), name="customer-batch"),
    path(f"{CUSTOMER}/export", CustomerExportViewSet.as_view({"get": "list"}), name="customer-export"),
    path(f"{CUSTOMER}/search", CustomerSearchViewSet.as_view({"post": "create"}), name="customer-search"),
    path(f"{CUSTOMER}/<str:id>/merge", CustomerMergeViewSet.as_view({"post": "create"}), name="customer-merge"),
    path(f"{CUSTOMER}/<str:id>/unmerge", CustomerUnmergeViewSet.as_view({"post": "create"}), name="customer-unmerge"),
    path(
        f"{CUSTOMER}/<str:id>/duplicate", CustomerDuplicateViewSet.as_view({"get": "list"}), name="customer-duplicate"
    ),
    path(DUPLICATE, DuplicateViewSet.as_view({"get": "list"}), name="duplicate-list"),
    path(f"{DUPLICATE}/<str:id>/dismiss", DismissViewSet.as_view({"post": "create"}), name="duplicate-dismiss"),
    path(f"{DUPLICATE}/<str:id>/reopen", ReopenViewSet.as_view({"post": "create"}), name="duplicate-reopen"),
    path(f"{CUSTOMER}/<str:id>", CustomerViewSet.as_view(OBJECT), name="customer-detail"),
    *(pattern for kind in LINE_ITEMS for pattern in line_item_viewsets.routes(kind)),
]
