"""URLs of a site that has included Convoy's."""

from django.urls import include, path

urlpatterns = [path("tools/convoy/", include("django_convoy.web.urls"))]
