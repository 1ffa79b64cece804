"""The reader of environment variables."""

import os
from pathlib import Path
from typing import Any

from environs import EnvError, FileAwareEnv


class Env(FileAwareEnv):
    """Reads each variable, or the file that ``NAME_FILE`` names; blank values count as not set."""

    def _get_value(self, env_key: str, default: Any) -> Any:
        return self.text(env_key) or default

    def text(self, name: str) -> str:
        """Return the value without surrounding white space, or "" if it is blank or not set.

        Raises:
            EnvError: ``NAME_FILE`` is set, but the file cannot be read.
        """
        path = os.environ.get(f"{name}{self.file_suffix}", "").strip()
        if not path:
            return os.environ.get(name, "").strip()
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise EnvError(f"{name}{self.file_suffix} must be a readable file") from error
