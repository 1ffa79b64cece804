"""The application that gunicorn serves."""

import os
from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING

from django.core.wsgi import get_wsgi_application

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ticketboss.settings")

django = get_wsgi_application()

from reservations.api.body import MAX_BODY_BYTES  # noqa: E402 (needs the settings)


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Answer one request.

    Django takes a body without a Content-Length for empty, so one sent in chunks is read here:
    as much as may be accepted, and a byte more to tell that it is too long.
    """
    if "HTTP_TRANSFER_ENCODING" in environ:
        body = environ["wsgi.input"].read(MAX_BODY_BYTES + 1)
        environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    return django(environ, start_response)
