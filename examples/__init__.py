"""Programs that use TicketBoss from outside: they import nothing of the project."""
