"""The pages."""

from bots import views
from django.urls import path

urlpatterns = [
    path("", views.bot_list, name="bots"),
    path("bots/new/", views.bot_edit, name="bot-new"),
    path("bots/<int:pk>/", views.bot_edit, name="bot-edit"),
    path("bots/<int:pk>/delete/", views.bot_delete, name="bot-delete"),
    path("integrations/new/", views.integration_new, name="integration-new"),
    path("integrations/<int:pk>/delete/", views.integration_delete, name="integration-delete"),
]
