"""`path("convoy/", include("django_convoy.web.urls"))`."""

from django.urls import path

from django_convoy.web.debug import debug

app_name = "convoy"
urlpatterns = [path("debug/<str:token>/", debug, name="debug")]
