"""compose.yaml: what its containers may do."""

import re
from typing import Any

import pytest
import yaml

from ticketboss.tests.programs import ROOT

SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


@pytest.mark.parametrize("name", SERVICES)
def test_container_is_hardened_and_limited(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert all("size=" in each for each in service["tmpfs"])


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {"secrets"}))
def test_only_the_generator_of_secrets_runs_as_root(name: str) -> None:
    assert SERVICES[name].get("user") == ("postgres" if "image" in SERVICES[name] else None)
    assert "cap_add" not in SERVICES[name]


@pytest.mark.parametrize("name", ["web", "worker"])
def test_container_that_serves_cannot_read_the_owners_password(name: str) -> None:
    service = SERVICES[name]
    assert service["volumes"] == ["secrets:/run/ticketboss:ro"]
    assert service["environment"]["DATABASE_URL_FILE"] == "/run/ticketboss/database_url"


def test_images_are_pinned_by_digest() -> None:
    digest = r"[a-z]+:[\w.-]+@sha256:[0-9a-f]{64}"
    images = {service["image"] for service in SERVICES.values() if "image" in service}
    assert len(images) == 1
    dockerfile = (ROOT / "Dockerfile").read_text()
    found = re.search(r"^ARG PYTHON_IMAGE=(.*)$", dockerfile, re.MULTILINE)
    assert found
    for image in (*images, found[1]):
        assert re.fullmatch(digest, image)


def test_no_secret_is_in_the_environment_or_on_a_command_line() -> None:
    for service in SERVICES.values():
        for variable, value in service.get("environment", {}).items():
            is_secret = re.search("PASSWORD|SECRET|DATABASE_URL", variable)
            assert not is_secret or str(value).startswith("/run/")
