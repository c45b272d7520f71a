"""What lies in deploy/ agrees with the service: limits, settings, metrics, files. (nginx itself is tried in tests/faults/test_nginx.py.)"""

import ipaddress
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from crm.api.viewsets import CustomerBatchViewSet
from overplane.api.body import BODY_LIMIT
from overplane.problems import Code
from overplane.server.connections import LONGEST_REQUEST_LINE
from tests.nginx import PARTS, TEMPLATE

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
NGINX = TEMPLATE.read_text()
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
MIB = 1024 * 1024


def block(start: str) -> str:
    """A location of nginx's configuration, to its closing brace."""
    return NGINX.partition(start)[2].partition("\n        }")[0]


def size(text: str) -> int:
    (number,) = re.findall(r"client_max_body_size (\d+)m;", text)
    return int(number) * MIB


def test_nginx_takes_bodies_as_large_as_the_service_does() -> None:
    general = NGINX.partition("    server {")[0]
    assert size(general) == BODY_LIMIT
    assert size(block("location ~ ^/api/crm/customer/batch/?$ {")) == CustomerBatchViewSet.body_limit
    # With what a browser puts around a form and a file.
    assert settings.DATA_UPLOAD_MAX_MEMORY_SIZE < size(block("location /admin/ {")) < 22 * MIB
    assert settings.UPLOAD_MAX_MIB * MIB < size(block("location = /admin/import/ {")) < 514 * MIB
    assert f"large_client_header_buffers 4 {LONGEST_REQUEST_LINE // 1024}k;" in general


def test_nginx_says_codes_of_the_closed_list() -> None:
    codes = NGINX.partition("map $uri $error_code {")[2].partition("}")[0]
    named = set(re.findall(r"(\w+);", codes))
    assert len(named) > 8
    assert named <= set(Code)


def test_nginx_never_believes_a_stranger() -> None:
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in NGINX
    assert "$proxy_add_x_forwarded_for" not in NGINX


def test_all_parts_of_the_template_are_filled_in_everywhere() -> None:
    assert set(re.findall(r"\$\{(\w+)\}", NGINX)) == set(PARTS)
    compose = (DEPLOY / "compose.yaml").read_text()
    (line,) = re.findall(r"envsubst '([^']+)'", compose)
    assert line.replace("$", "").split() == list(PARTS)
    for line in re.findall(r"envsubst '([^']+)'", (ROOT / "docs" / "operations.md").read_text()):
        assert line.replace("$", "").split() == list(PARTS)


def metrics() -> set[str]:
    """Names of the metrics that the service counts, as Prometheus stores them."""
    names: set[str] = set()
    pattern = re.compile(r'(Counter|Histogram|Gauge|GaugeMetricFamily|CounterMetricFamily)\(\s*"(overplane_\w+)"')
    for path in (ROOT / "overplane").rglob("*.py"):
        for kind, name in pattern.findall(path.read_text()):
            ends = {
                "Histogram": ["_bucket", "_sum", "_count"],
                "Counter": ["_total"],
                "CounterMetricFamily": ["_total"],
            }
            names |= {name.removesuffix("_total") + end for end in ends.get(kind, [""])}
    return names


def expressions(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["expr"]] if "expr" in node else []
        return own + [one for value in node.values() for one in expressions(value)]
    return [one for value in node for one in expressions(value)] if isinstance(node, list) else []


@pytest.mark.parametrize("file", ["grafana/overplane.json", "prometheus/alerts.yaml"])
def test_only_metrics_that_exist_are_looked_at(file: str) -> None:
    text = (DEPLOY / file).read_text()
    named = set(re.findall(r"\boverplane_\w+", " ".join(expressions(yaml.safe_load(text)))))
    assert len(named) > 4
    assert named - metrics() == set()


def test_the_dashboard_is_json_with_panels_side_by_side() -> None:
    panels = json.loads((DEPLOY / "grafana" / "overplane.json").read_text())["panels"]
    spots = [(panel["gridPos"]["y"], panel["gridPos"]["x"]) for panel in panels]
    assert len(set(spots)) == len(panels) > 10
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


def test_each_alert_is_seen_to_go_off() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())["groups"]
    tests = yaml.safe_load((DEPLOY / "prometheus" / "alerts.test.yaml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == {
        rule["alert"] for group in rules for rule in group["rules"]
    }


@pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool is not installed: Debian's package prometheus has it"
)
@pytest.mark.parametrize("arguments", ["check config prometheus.yaml", "test rules alerts.test.yaml"])
def test_prometheus_takes_the_rules(arguments: str) -> None:
    assert said("promtool", *arguments.split(), cwd=DEPLOY / "prometheus")[0] == 0


def said(*command: str | Path, cwd: Path = DEPLOY) -> tuple[int, list[str]]:
    """Exit code, and the lines of both outputs."""
    ran = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return ran.returncode, ran.stdout.splitlines()


def documented() -> set[str]:
    table = (ROOT / "README.md").read_text().partition("## Settings")[2].partition("\n## ")[0]
    return {name for line in table.splitlines() for name in re.findall(r"`([A-Z_]+)`", line.split("|")[1:2][0] if "|" in line else "")}  # fmt: skip


def test_the_example_sets_what_is_a_setting() -> None:
    named = set(re.findall(r"^#?([A-Z_]+)=", (DEPLOY / "env.example").read_text(), re.MULTILINE))
    assert {"BASE_URL", "ALLOWED_HOSTS", "SECRET_KEY"} <= named
    # Of compose's own; and what another change documents.
    assert named - documented() <= {"POSTGRES_PASSWORD", "TRUSTED_PROXIES", "METRICS_TOKEN"}


def test_the_image_copies_what_there_is_and_all_that_runs() -> None:
    copied = [name for line in re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.MULTILINE) for name in line.split()]
    assert all(list(ROOT.glob(name)) for name in copied)
    allowed = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert set(copied) == set(allowed)
    assert {"overplane", "crm", "templates", "locale", "manage.py"} <= set(copied)
    assert "\nUSER 10001:10001\n" in DOCKERFILE


def test_the_image_backs_up_what_the_server_holds() -> None:
    """pg_dump refuses a newer server. Only the container of commands sees the backups, and the root is read-only."""
    (server,) = re.findall(r"^postgres:(\d+)", COMPOSE["services"]["database"]["image"])
    assert f"\nARG POSTGRESQL={server}\n" in DOCKERFILE
    assert '"postgresql-client-$POSTGRESQL"' in DOCKERFILE
    places = {name for name, one in COMPOSE["services"].items() if "/srv/backups:/srv/backups" in one["volumes"]}
    assert places == {"manage"}
    assert "back" in COMPOSE["services"]["manage"]["networks"]


def test_no_container_takes_the_address_of_another() -> None:
    (pool,) = COMPOSE["networks"]["front"]["ipam"]["config"]
    subnet, dynamic = ipaddress.ip_network(pool["subnet"]), ipaddress.ip_network(pool["ip_range"])
    proxy = ipaddress.ip_address(COMPOSE["services"]["nginx"]["networks"]["front"]["ipv4_address"])
    gateway = ipaddress.ip_address(pool["gateway"])
    assert dynamic.subnet_of(subnet)
    assert {proxy, gateway} < {*subnet.hosts()} - {*dynamic}
    assert proxy != gateway
    assert COMPOSE["services"]["web"]["environment"]["TRUSTED_PROXIES"] == str(proxy)


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_every_container_is_closed(name: str) -> None:
    container = COMPOSE["services"][name]
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert set(container["networks"]) <= set(COMPOSE["networks"])
    assert container.get("ports", []) == (["80:8080", "443:8443"] if name == "nginx" else [])
    volumes = {one.partition(":")[0] for one in container["volumes"] if one[0] not in "./"}
    assert volumes <= set(COMPOSE["volumes"])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_every_unit_is_closed(unit: Path) -> None:
    lines = unit.read_text().splitlines()
    assert {
        "ProtectSystem=strict",
        "NoNewPrivileges=true",
        "CapabilityBoundingSet=",
        "User=overplane",
        "UMask=0077",
    } <= {*lines}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_takes_the_units() -> None:
    """All that may be wrong here is that the service is not installed here."""
    lines = said("systemd-analyze", "verify", *UNITS)[1]
    missing = re.compile(r"\S+: Command /opt/overplane/\S+ is not executable: No such file or directory")
    assert [line for line in lines if not missing.fullmatch(line)] == []


@pytest.mark.skipif(
    not shutil.which("docker") or said("docker", "compose", "version")[0] != 0,
    reason="Docker has no plugin compose here",
)
def test_compose_takes_its_file(tmp_path: Path) -> None:
    deploy = tmp_path / "deploy"
    shutil.copytree(DEPLOY, deploy)
    example = (DEPLOY / "env.example").read_text()
    (deploy / ".env").write_text(
        re.sub(r"^(SECRET_KEY|POSTGRES_PASSWORD)=$", r"\1=letters", example, flags=re.MULTILINE)
    )
    code, lines = said("docker", "compose", "-f", "compose.yaml", "--profile", "*", "config", "--quiet", cwd=deploy)
    assert (code, lines) == (0, [])
