"""How long a session lasts: 30 minutes without a request, and 12 hours in total."""

from time import time

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.base import SessionBase
from django.dispatch import receiver
from django.http import HttpRequest

MAX_AGE_SECONDS = 12 * 3600
# The session is saved at most once in this time, so it may end that much earlier when idle.
SAVE_INTERVAL_SECONDS = 60
LOGGED_IN = "logged_in"
"""When the user logged in, in seconds since the epoch."""
SAVED = "saved"
"""When the expiry of the session was last extended."""


@receiver(user_logged_in)
def start(request: HttpRequest, **_: object) -> None:
    """Record the time of a login in the session."""
    request.session[LOGGED_IN] = request.session[SAVED] = time()


def extend_or_end(session: SessionBase) -> None:
    """End a session that is 12 hours old; otherwise let it last for another 30 minutes.

    The row in the database expires ``SESSION_COOKIE_AGE`` after it was saved.
    """
    if SESSION_KEY not in session:
        return
    now = time()
    # A session without the time was started by an older version.
    if now - session.get(LOGGED_IN, 0) >= MAX_AGE_SECONDS:
        session.flush()
    elif now - session.get(SAVED, 0) >= SAVE_INTERVAL_SECONDS:
        session[SAVED] = now
