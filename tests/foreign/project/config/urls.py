"""The project's addresses: two admin sites, and the API where the project wants it."""

from django.contrib import admin
from django.urls import include, path

backstage = admin.AdminSite(name="backstage")

urlpatterns = [
    path("office/", admin.site.urls),
    path("backstage/", backstage.urls),
    path("knowledge/v1/", include("segments.api.urls")),
]
