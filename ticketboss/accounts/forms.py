"""The login form of the admin."""

from math import ceil

from django.core.exceptions import ValidationError
from unfold.forms import AuthenticationForm

from ticketboss.accounts.login_throttle import seconds_to_wait


class LoginForm(AuthenticationForm):
    """Unfold's login form, which says when to try again if an attempt was refused."""

    def clean_username(self) -> str:
        """Return the user name; reject one that is too long for an account.

        Django tells browsers the ``maxlength`` of its field, but does not check it.
        """
        username: str = self.cleaned_data["username"]
        if len(username) > self.fields["username"].widget.attrs["maxlength"]:
            raise super().get_invalid_login_error()
        return username

    def get_invalid_login_error(self) -> ValidationError:
        """Return the error for a wrong user name or password, or for a refused attempt."""
        seconds = seconds_to_wait(self.request)
        if not seconds:
            return super().get_invalid_login_error()
        minutes = ceil(seconds / 60)
        return ValidationError(
            "Too many failed attempts to log in. Try again in "
            f"{minutes} minute{'' if minutes == 1 else 's'}, or ask a colleague to unlock "
            "your account.",
            code="too_many_attempts",
        )
