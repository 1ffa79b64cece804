"""Staff accounts: hashing of passwords, throttled logins, and the age of sessions."""
