"""The documented routes. Paths have no trailing slash; one is taken off before they are looked up.

Whole paths, which the site's routes hold as they are: each level of `include` costs every request another look-up.
"""

from typing import Any

from django.urls import path

from crm.api import import_viewsets as imports
from crm.api import line_item_viewsets
from crm.api.duplicate_viewsets import CustomerDuplicateViewSet, DismissViewSet, DuplicateViewSet, ReopenViewSet
from crm.api.export_viewsets import ExportFileViewSet, ExportViewSet
from crm.api.line_item_viewsets import COLLECTION, OBJECT
from crm.api.merge_viewsets import CustomerMergeViewSet, CustomerUnmergeViewSet
from crm.api.viewsets import CustomerBatchViewSet, CustomerExportViewSet, CustomerSearchViewSet, CustomerViewSet
from crm.line_items import LINE_ITEMS

CUSTOMER = "api/crm/customer"
IMPORT, EXPORT = "api/crm/import", "api/crm/export"
RETRIEVE: dict[str, Any] = {"get": "retrieve"}
CREATE: dict[str, Any] = {"post": "create"}
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
    path(IMPORT, imports.ImportViewSet.as_view(COLLECTION), name="import-list"),
    path(f"{IMPORT}/<str:id>", imports.ImportViewSet.as_view(RETRIEVE), name="import-detail"),
    path(f"{IMPORT}/<str:id>/problem", imports.ImportProblemViewSet.as_view({"get": "list"}), name="import-problem"),
    path(f"{IMPORT}/<str:id>/refused", imports.RefusedFileViewSet.as_view(RETRIEVE), name="import-refused"),
    path(f"{IMPORT}/<str:id>/result", imports.ResultFileViewSet.as_view(RETRIEVE), name="import-result"),
    path(f"{IMPORT}/<str:id>/apply", imports.ImportApplyViewSet.as_view(CREATE), name="import-apply"),
    path(f"{IMPORT}/<str:id>/cancel", imports.ImportCancelViewSet.as_view(CREATE), name="import-cancel"),
    path(f"{IMPORT}/<str:id>/resume", imports.ImportResumeViewSet.as_view(CREATE), name="import-resume"),
    path(f"{IMPORT}/<str:id>/undo", imports.ImportUndoViewSet.as_view(CREATE), name="import-undo"),
    path(EXPORT, ExportViewSet.as_view(CREATE), name="export-list"),
    path(f"{EXPORT}/<str:id>", ExportViewSet.as_view(RETRIEVE), name="export-detail"),
    path(f"{EXPORT}/<str:id>/file", ExportFileViewSet.as_view(RETRIEVE), name="export-file"),
    *(pattern for kind in LINE_ITEMS for pattern in line_item_viewsets.routes(kind)),
]
