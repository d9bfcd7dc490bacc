"""The page of the broker `debug-web`: shows a job, runs it on request, and undoes that."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from django_convoy.brokers.debug_web import DebugWebBroker, job_of
from django_convoy.domain.envelope import Envelope
from django_convoy.domain.errors import ConvoyError
from django_convoy.framework import task_backends
from django_convoy.runtime import Runtime, runtime_of
from django_convoy.web.pages import page, staff_only
from django_convoy.web.trial import attempt


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only
def debug(request: HttpRequest, token: str) -> HttpResponse:
    """Show a job; run it for a POST."""
    envelope = job_of(token)
    if envelope is None:
        raise Http404("no job has this address")
    runtime = _runtime(envelope)
    values: dict[str, Any] = {"job": envelope, "queue": runtime.short_name(envelope.queue)}
    try:
        call = runtime.codec.open(envelope)
    except ConvoyError as error:
        values["unreadable"] = str(error)
    else:
        given = [repr(one) for one in call.args]
        values["arguments"] = given + [f"{name}={one!r}" for name, one in call.kwargs.items()]
        values["options"] = [f"{name}={one!r}" for name, one in call.options.items()]
        if request.method == "POST":
            values["trial"] = attempt(runtime, envelope)
    return page(request, "debug.html", **values)


def _runtime(envelope: Envelope) -> Runtime:
    """Return the runtime whose job it is, as long as it has the broker `debug-web`."""
    for alias in task_backends.settings:
        try:
            runtime = runtime_of(alias)
        except ConvoyError:
            continue  # of another kind, with OPTIONS of its own
        broker = runtime.shared.broker
        if isinstance(broker, DebugWebBroker) and runtime.short_name(envelope.queue) is not None:
            return runtime
    raise Http404("no backend of TASKS has the broker 'debug-web' now")
