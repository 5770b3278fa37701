"""The pages."""

from bots import views
from django.conf import settings
from django.urls import path, re_path
from django.views.static import serve

urlpatterns = [
    path("", views.bot_list, name="bots"),
    path("bots/new/", views.bot_edit, name="bot-new"),
    path("bots/<int:pk>/", views.bot_edit, name="bot-edit"),
    path("bots/<int:pk>/delete/", views.bot_delete, name="bot-delete"),
    path("integrations/new/", views.integration_new, name="integration-new"),
    path("integrations/<int:pk>/delete/", views.integration_delete, name="integration-delete"),
    path("pictures/", views.picture_list, name="pictures"),
    path("pictures/<int:pk>/delete/", views.picture_delete, name="picture-delete"),
    re_path("^media/(?P<path>.*)$", serve, {"document_root": settings.MEDIA_ROOT}),
]
