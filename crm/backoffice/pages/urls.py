from typing import cast

from django.contrib import admin
from django.urls import path
from django.utils.translation import gettext_lazy as _

from crm.backoffice.pages import duplicates, exports, find, import_files, import_mapping, imports, mending, merge
from crm.backoffice.pages.import_steps import MAY_IMPORT
from crm.models import Customer
from overplane.backoffice.menu import WORK, MenuPosition, Page
from overplane.backoffice.site import Finder, Site

site = cast("Site", admin.site)
site.set_menu_position(Customer, MenuPosition(WORK, "building-2", 10))
for page in (
    Page(_("Duplicates"), "duplicates", ("crm.view_customer",), MenuPosition(WORK, "copy", 20), duplicates.open_count),
    Page(_("Imports"), "import", MAY_IMPORT, MenuPosition(WORK, "download", 30)),
    Page(_("Exports"), "export", ("crm.export_customer",), MenuPosition(WORK, "upload", 40)),
):
    site.add_page(page)
site.finder = Finder("find", "find_start", find.LIST, find.MAY_FIND)

urlpatterns = [
    path("find/", admin.site.admin_view(find.find), name="find"),
    path("find/start/", admin.site.admin_view(find.start), name="find_start"),
    path("duplicates/", admin.site.admin_view(duplicates.duplicates), name="duplicates"),
    path("duplicates/confirm/", admin.site.admin_view(duplicates.confirm), name="confirm_duplicates"),
    path("duplicates/<slug:pair_id>/", admin.site.admin_view(duplicates.judge), name="judge_duplicate"),
    path("merge/", admin.site.admin_view(merge.merge), name="merge"),
    path("import/", admin.site.admin_view(import_files.upload), name="import"),
    path("import/<slug:file_id>/mapping/", admin.site.admin_view(import_mapping.mapping), name="import_mapping"),
    path("import/jobs/<slug:job_id>/", admin.site.admin_view(imports.job), name="import_job"),
    path("import/jobs/<slug:job_id>/apply/", admin.site.admin_view(imports.apply), name="import_apply"),
    path("import/jobs/<slug:job_id>/correct/", admin.site.admin_view(mending.correct), name="import_correct"),
    path("import/jobs/<slug:job_id>/mend/", admin.site.admin_view(mending.mend_refused), name="import_mend"),
    path("import/jobs/<slug:job_id>/cancel/", admin.site.admin_view(imports.cancel), name="import_cancel"),
    path("import/jobs/<slug:job_id>/go-on/", admin.site.admin_view(imports.go_on), name="import_go_on"),
    path("import/jobs/<slug:job_id>/result/", admin.site.admin_view(imports.result), name="import_result"),
    path("import/jobs/<slug:job_id>/refused/", admin.site.admin_view(imports.refused), name="import_refused"),
    path("import/jobs/<slug:job_id>/undo/", admin.site.admin_view(imports.undo), name="import_undo"),
    path("export/", admin.site.admin_view(exports.export), name="export"),
    path("export/list/", admin.site.admin_view(exports.export_list), name="export_list"),
    path("files/<slug:file_id>/", admin.site.admin_view(imports.download), name="job_file"),
]
