"""Admin pages for users and groups."""

from typing import Any, ClassVar

from axes.handlers.proxy import AxesProxyHandler
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import pluralize
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from reservations.admin.base import LenientChangeListAdmin
from reservations.admin.fields import NameField
from reservations.admin.history import log_changes

admin.site.unregister(User)
admin.site.unregister(Group)


# Fields that grant permissions; only superusers may change them.
_PERMISSION_FIELDS = ("is_superuser", "groups", "user_permissions")
# What other users see of an account. They may change the first line of their own.
_OWN_FIELDS = ("first_name", "last_name", "email")
_READ_ONLY_FIELDS = ("username", "is_active", "is_staff", *_PERMISSION_FIELDS, "last_login")


class UserForm(UserChangeForm):
    """The form of an existing user."""

    class Meta(UserChangeForm.Meta):
        field_classes: ClassVar = {
            **UserChangeForm.Meta.field_classes,
            "first_name": NameField,
            "last_name": NameField,
        }


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User], LenientChangeListAdmin[User]):
    """Django's user admin, but only superusers may change the accounts of other people.

    Users with the permission to change users may edit their own name and address, and unlock
    accounts. They change their password at ``/admin/password_change/``, which asks for the old one.
    """

    form = UserForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    actions = ("unlock",)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Show the password's hash and the link to change it to superusers only."""
        if obj is None or request.user.is_superuser:
            return super().get_fieldsets(request, obj)
        return ((None, {"fields": (*_OWN_FIELDS, *_READ_ONLY_FIELDS)}),)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Make all fields read-only except for superusers, but not a user's own name."""
        fields = tuple(super().get_readonly_fields(request, obj))
        if request.user.is_superuser:
            return fields
        return (*fields, *(_PERMISSION_FIELDS if obj is None else _READ_ONLY_FIELDS))

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Allow only superusers to change the account of another person."""
        allowed = request.user.is_superuser or obj is None or obj.pk == request.user.pk
        return allowed and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Allow only superusers to delete a superuser or staff."""
        privileged = obj is not None and (obj.is_superuser or obj.is_staff)
        allowed = request.user.is_superuser or not privileged
        return allowed and super().has_delete_permission(request, obj)

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002 (Django's name)
        form_url: str = "",
    ) -> HttpResponse:
        """Let superusers set a password.

        Raises:
            PermissionDenied: the user is no superuser. This page does not ask for the old password.
        """
        if not request.user.is_superuser:
            raise PermissionDenied
        return super().user_change_password(request, id, form_url)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """List only the users: their log entries are kept (ticketboss.accounts.log_entries)."""
        related: Any
        related, _, *problems = super().get_deleted_objects(objs, request)
        users = [each for each in related if not isinstance(each, list)]
        return users, {"users": len(users)}, *problems

    def has_unlock_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may run the unlock action."""
        return super().has_change_permission(request)

    @admin.action(description="Unlock", permissions=["unlock"])
    def unlock(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Forget the failed attempts to log in to the selected accounts."""
        for user in queryset:
            AxesProxyHandler.reset_attempts(username=user.username)
        log_changes(request, queryset, "Unlocked.")
        number = len(queryset)
        text = f"{number} account{pluralize(number)} unlocked."
        self.message_user(request, text, messages.SUCCESS)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, LenientChangeListAdmin[Group]):
    """Django's group admin, but only superusers may change what a group grants, or delete it."""

    def get_readonly_fields(
        self, request: HttpRequest, obj: Group | None = None
    ) -> tuple[str, ...]:
        """Make the fields that grant permissions read-only except for superusers."""
        fields = tuple(super().get_readonly_fields(request, obj))
        return fields if request.user.is_superuser else (*fields, "permissions")

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Allow only superusers to delete a group: its members would lose permissions."""
        return request.user.is_superuser and super().has_delete_permission(request, obj)
