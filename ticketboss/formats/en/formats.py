"""English formats. Times include seconds and the time zone, which a sales history needs."""

DATETIME_FORMAT = "j M Y, H:i:s e"
