"""Convoy in Django's admin. Only loaded where `django.contrib.admin` is installed."""

from django_convoy.admin.schedules import ScheduleAdmin

__all__ = ["ScheduleAdmin"]
