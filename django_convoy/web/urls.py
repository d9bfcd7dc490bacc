"""`path("convoy/", include("django_convoy.web.urls"))`."""

from django.urls import path

from django_convoy.web.debug import debug
from django_convoy.web.pages import stylesheet

app_name = "convoy"
urlpatterns = [
    path("debug/<str:token>/", debug, name="debug"),
    path("pages.css", stylesheet, name="stylesheet"),
]
