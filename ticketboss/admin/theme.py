"""The admin's appearance: name, colours and sidebar (https://unfoldadmin.com/docs/)."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy


def _sidebar_item(title: str, icon: str, model: str) -> dict[str, Any]:
    """Return a sidebar entry, shown to users who may view or change the model.

    Args:
        title: the text of the link.
        icon: the name of a Material Symbols icon.
        model: app label and model name, joined by an underscore.
    """
    app, name = model.split("_")
    permissions = [f"{app}.view_{name}", f"{app}.change_{name}"]
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{model}_changelist"),
        "permission": lambda request: any(map(request.user.has_perm, permissions)),
    }


UNFOLD = {
    "SITE_TITLE": "TicketBoss",
    "SITE_HEADER": "TicketBoss",
    "SITE_SUBHEADER": "Administration",
    "SITE_SYMBOL": "confirmation_number",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("reservations/icon.svg"),
        }
    ],
    "LOGIN": {"form": "ticketboss.accounts.forms.LoginForm"},
    "STYLES": [lambda request: static("reservations/admin.css")],
    "COLORS": {
        "primary": {
            "50": "oklch(98% .014 180)",
            "100": "oklch(95% .05 180)",
            "200": "oklch(91% .096 180)",
            "300": "oklch(85% .138 181)",
            "400": "oklch(77% .152 181)",
            "500": "oklch(62% .12 181)",
            "600": "oklch(50% .09 181)",
            "700": "oklch(45% .08 182)",
            "800": "oklch(40% .065 184)",
            "900": "oklch(35% .055 185)",
            "950": "oklch(26% .045 187)",
        }
    },
    "SIDEBAR": {
        "navigation": [
            {
                "title": "Sales",
                "items": [
                    _sidebar_item("Events", "event", "reservations_event"),
                    _sidebar_item(
                        "Reservations", "confirmation_number", "reservations_reservation"
                    ),
                    _sidebar_item("Bookings", "receipt_long", "reservations_booking"),
                    _sidebar_item("Changes", "history", "reservations_change"),
                ],
            },
            {
                "title": "Partners",
                "items": [
                    _sidebar_item("Partners", "handshake", "reservations_partner"),
                    _sidebar_item("API keys", "key", "reservations_apikey"),
                ],
            },
            {
                "title": "Staff",
                "items": [
                    _sidebar_item("Users", "person", "auth_user"),
                    _sidebar_item("Groups", "group", "auth_group"),
                    _sidebar_item("Failed logins", "lock", "axes_accessattempt"),
                    _sidebar_item("Security events", "policy", "reservations_securityevent"),
                ],
            },
            {
                "title": "System",
                "items": [_sidebar_item("Jobs", "schedule", "procrastinate_procrastinatejob")],
            },
        ]
    },
}
