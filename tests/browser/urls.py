"""URLs of a site with an admin and Convoy's pages."""

from django.contrib import admin
from django.http import HttpResponse
from django.urls import include, path

urlpatterns = [
    path("favicon.ico", lambda request: HttpResponse(status=204)),  # browsers ask every site
    path("admin/", admin.site.urls),
    path("convoy/", include("django_convoy.web.urls")),
]
