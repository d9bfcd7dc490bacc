"""Pages for people who may log in to the admin: `include("django_convoy.web.urls")`."""
