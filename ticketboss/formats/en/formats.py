"""Times to the second, with their zone: a history of sales needs both."""

DATETIME_FORMAT = "j M Y, H:i:s e"
