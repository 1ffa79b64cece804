"""Keeps the admin log of users who are deleted."""

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db.models.signals import pre_delete
from django.dispatch import receiver

# User names cannot contain a space, so no account that was created in the admin has this text.
_SUFFIX = " (deleted "
_MAX_NAME_LENGTH = 120


@receiver(pre_delete, sender=User)
def keep_log_entries(instance: User, using: str, **_: object) -> None:
    """Give the user's log entries to an inactive account named "<name> (deleted <id>)".

    Django would delete them: the foreign key of ``LogEntry`` cascades and cannot be null. It does
    so in a query that runs after this signal, and then finds none.
    """
    entries = LogEntry.objects.using(using).filter(user=instance)
    if entries.exists():
        name = instance.username.partition(_SUFFIX)[0][:_MAX_NAME_LENGTH]
        keeper = User.objects.db_manager(using).create_user(
            f"{name}{_SUFFIX}{instance.pk})",
            is_active=False,
            first_name=instance.first_name,
            last_name=instance.last_name,
        )
        entries.update(user=keeper)
