"""Who sends a request, once its key has been verified."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A partner, and the key that it has used.

    Attributes:
        partner: the partner's id.
        key_id: the public part of the key.
        scopes: what the key permits, as values of ``Scope``.
    """

    partner: str
    key_id: str
    scopes: frozenset[str]

    def __str__(self) -> str:
        """Return the actor of the changes that the caller causes."""
        return f"{self._actor_prefix}{self.key_id}"

    def caused(self, actor: str) -> bool:
        """Return whether ``actor`` is this partner, with any of its keys."""
        prefix = self._actor_prefix
        return actor.startswith(prefix) and "/" not in actor[len(prefix) :]

    @property
    def _actor_prefix(self) -> str:
        return f"partner:{self.partner}/"


def owns(caller: Caller | None, owner: str) -> bool:
    """Return whether what belongs to the partner ``owner`` exists for ``caller``.

    Everything exists for None: for staff and commands, and if the API is open.
    """
    return caller is None or caller.partner == owner
