"""Who may call an action: everybody, or a partner whose key has a scope.

Each action has one of the decorators ``public`` and ``requires``; an action without is refused.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request

from reservations.access.caller import Caller
from reservations.api.authentication import uses_keys
from reservations.errors import ApiKeyRequired, Forbidden, ScopeMissing
from reservations.models import Scope

log = structlog.get_logger(__name__)

_Action = TypeVar("_Action", bound=Callable[..., Any])


class HasScope(BasePermission):
    """Allows the callers whose key has ``scope``, and everybody if the API is open."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True.

        Raises:
            ApiKeyRequired: the request has no key.
            ScopeMissing: its key does not have the scope.
        """
        if not uses_keys():
            return True
        caller: Caller | None = view.caller
        if caller is None:
            raise ApiKeyRequired
        if self.scope not in caller.scopes:
            raise ScopeMissing(self.scope)
        return True


class _Undeclared(BasePermission):
    """Refuses an action that does not declare who may call it."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Never return.

        Raises:
            Forbidden: always.
        """
        log.error("api.access_undeclared", view=type(view).__name__, method=request.method)
        raise Forbidden


_everybody, _nobody = AllowAny(), _Undeclared()


def public(action: _Action) -> _Action:
    """Let everybody call ``action``. A key that is sent must still be valid."""
    return _declare(action, _everybody)


def requires(scope: Scope) -> Callable[[_Action], _Action]:
    """Let only partners whose key has ``scope`` call an action."""
    permission = HasScope(scope)
    return lambda action: _declare(action, permission)


def _declare(action: _Action, permission: BasePermission) -> _Action:
    action.permission = permission  # type: ignore[attr-defined]
    return action


def permission_for(view: Any, method: str) -> BasePermission:
    """Return the permission that the action of ``view`` for an HTTP method declares."""
    name = method.lower()
    handler = None
    if name in view.http_method_names:
        actions = getattr(view, "action_map", None) or {}
        handler = getattr(view, actions.get(name, name), None)
    if handler is None:
        return _everybody  # The response will be 405.
    permission: BasePermission = getattr(handler, "permission", _nobody)
    return permission
