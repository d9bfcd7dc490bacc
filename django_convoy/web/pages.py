"""Who may see a page, and how it is written: with templates of our own, whatever TEMPLATES says."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.csrf import get_token
from django.template import Context, Engine
from django.urls import reverse
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.clickjacking import xframe_options_deny
from django.views.decorators.csrf import csrf_protect

View = Callable[..., HttpResponseBase]
_TEMPLATES = Path(__file__).parent / "templates"
_engine = Engine(dirs=[str(_TEMPLATES)])
POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"
"""What pages may load. Not where forms may lead: somebody may have to log in again elsewhere."""


def staff_only(view: View) -> View:
    """Let only those in who may log in to the admin; ask others to log in."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = getattr(request, "user", None)
        if user is None:
            raise ImproperlyConfigured(
                "Convoy's pages need to know who asks: add AuthenticationMiddleware to MIDDLEWARE"
            )
        if not user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if not (user.is_active and user.is_staff):
            raise PermissionDenied("only for staff")
        return view(request, *args, **kwargs)

    return never_cache(xframe_options_deny(csrf_protect(guarded)))


def page(request: HttpRequest, name: str, **values: Any) -> HttpResponse:
    """Return a page made of a template."""
    stylesheet = reverse("convoy:stylesheet")
    values |= {"csrf_token": get_token(request), "stylesheet": stylesheet}
    text = _engine.get_template(name).render(Context(values))
    return HttpResponse(text, headers={"Content-Security-Policy": POLICY})


@cache_control(max_age=3600)
def stylesheet(request: HttpRequest) -> HttpResponse:
    """Return what pages look like, for sites that serve no static files, too."""
    text = (_TEMPLATES / "pages.css").read_text(encoding="utf-8")
    return HttpResponse(text, content_type="text/css; charset=utf-8")
