"""The addresses of a project without the API."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
