"""Django's own checks of a deployment, with the settings that production has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.served import ROOT


@pytest.mark.slow
@pytest.mark.half("postgresql")
@pytest.mark.parametrize("more", [{}, {"TRUSTED_PROXIES": "127.0.0.1,10.0.0.0/8,unix"}])
def test_a_deployment_by_https_has_no_findings(tmp_path: Path, more: dict[str, str]) -> None:
    environment = os.environ | {
        "BASE_URL": "https://crm.example.com", "ALLOWED_HOSTS": "crm.example.com", "DATA_DIR": str(tmp_path), "DEBUG": "",
        "SECRET_KEY": "",
    } | more  # fmt: skip
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "DEBUG"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout
