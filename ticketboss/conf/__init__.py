"""What the settings are made with."""
