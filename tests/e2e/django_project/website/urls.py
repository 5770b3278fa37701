"""Addresses of the project: Django's admin, and the state of the database as this process sees it."""

from django.contrib import admin
from django.urls import path

from .state import state

urlpatterns = [path("admin/", admin.site.urls), path("state/", state)]
