from django.contrib import admin
from django.urls import path

from crm.pages import merge

urlpatterns = [
    path("duplicates/", admin.site.admin_view(merge.duplicates), name="duplicates"),
    path("merge/", admin.site.admin_view(merge.merge), name="merge"),
]
