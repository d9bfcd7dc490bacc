"""The Django app."""

from django.apps import AppConfig


class ConvoyConfig(AppConfig):
    """Registers the tables; the checks come with the backend."""

    name = "django_convoy"
    label = "convoy"
    verbose_name = "Convoy"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Forget runtimes when settings change."""
        from django_convoy import runtime  # lazy: what it imports needs the app registry

        runtime.listen()
