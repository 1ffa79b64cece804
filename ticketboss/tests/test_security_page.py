"""``docs/security.md`` names tests that exist, and what it says about requirements holds."""

import re

import pytest

from ticketboss.tests.programs import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()


def rows(title: str) -> list[list[str]]:
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| (.+) \|$", section, re.MULTILINE)
    return [re.split(r" ?\| ?", line) for line in lines if not line.startswith("risk |")]


def test_every_test_on_the_page_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) > 40
    for file, name in named:
        inside = file.removeprefix("project/")
        folder = "reservations/tests" if inside == file else "ticketboss/tests"
        assert f"\ndef {name}(" in (ROOT / folder / inside).read_text(), (file, name)


def test_every_threat_and_risk_names_a_test() -> None:
    risks = rows("OWASP API Security Top 10 (2023)")
    assert [risk.split()[0] for risk, *_ in risks] == [f"API{number}" for number in range(1, 11)]
    for threat, stopped_by, shown_by in [*rows("Threats"), *risks]:
        assert "::" in shown_by or "does not apply" in stopped_by or threat == "threat"


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_has_a_hash(file: str) -> None:
    lines = (ROOT / file).read_text().replace("\\\n", " ").splitlines()
    requirements = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert len(requirements) > 10
    for requirement in requirements:
        assert "==" in requirement
        assert "--hash=sha256:" in requirement
