from django.contrib import admin
from django.urls import path

from overplane.people import views

urlpatterns = [
    path("", admin.site.admin_view(views.set_up), name="second_factor"),
    path("qr.svg", admin.site.admin_view(views.qr), name="second_factor_qr"),
    path("off/", admin.site.admin_view(views.turn_off), name="second_factor_off"),
    path("recovery-codes/", admin.site.admin_view(views.recovery_codes), name="recovery_codes"),
    path("code/", admin.site.admin_view(views.code), name="second_factor_code"),
]
