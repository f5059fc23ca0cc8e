"""docker-compose.yml is valid, and as closed as it says."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.dockerfile import read_dockerfile
from deploy.make_secrets import READERS
from graphql_api.settings import Settings

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
STAGES = read_dockerfile((ROOT / "Dockerfile").read_text(encoding="utf-8"))
JOBS = {"secrets", "migrate", "kuma-apply"}
PUBLISHED = {"proxy", "mlflow", "grafana", "uptime-kuma"}
every_service = pytest.mark.parametrize("service", SERVICES)


def networks(service: str) -> set[str]:
    return set(SERVICES[service].get("networks", []))


def environment(service: str) -> dict[str, str]:
    return dict(SERVICES[service].get("environment", {}))


def user_of(service: str) -> str:
    facts = SERVICES[service]
    return str(facts.get("user") or STAGES[facts["build"]["target"]].last("USER")).split(":")[0]


def volumes(service: str) -> list[list[str]]:
    return [each.split(":") for each in SERVICES[service].get("volumes", [])]


def test_it_is_valid_by_the_schema_of_compose() -> None:
    command = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE))
    subprocess.run(command, check=True, capture_output=True)


@pytest.mark.needs("docker-compose")
def test_docker_compose_reads_it() -> None:
    done = subprocess.run(
        ("docker-compose", "-f", str(FILE), "config", "--services"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == set(SERVICES)


@pytest.mark.needs("docker-compose")
def test_with_the_network_that_the_operations_page_adds_prometheus_reaches_the_outside(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    (override,) = (block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "published" in block)
    path = tmp_path / "docker-compose.override.yml"
    path.write_text(override, encoding="utf-8")
    done = subprocess.run(
        ("docker-compose", "-f", str(FILE), "-f", str(path), "config"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    merged = yaml.safe_load(done.stdout)["services"]["prometheus"]
    assert set(merged["networks"]) == networks("prometheus") | {"published"}
    assert "ports" not in merged


@every_service
def test_a_service_can_write_nowhere_but_where_it_says_and_gain_nothing(service: str) -> None:
    facts = SERVICES[service]
    assert facts["read_only"] is True
    assert facts["cap_drop"] == ["ALL"]
    assert facts["security_opt"] == ["no-new-privileges:true"]
    assert set(facts.get("cap_add", [])) <= ({"CHOWN", "DAC_READ_SEARCH"} if service == "secrets" else set())
    assert "privileged" not in facts


@every_service
def test_a_service_has_limits(service: str) -> None:
    limits = SERVICES[service]["deploy"]["resources"]["limits"]
    assert float(limits["cpus"]) > 0
    assert re.fullmatch(r"\d+[MG]", limits["memory"])


@every_service
def test_what_goes_on_running_has_a_health_check_and_is_started_again(service: str) -> None:
    facts = SERVICES[service]
    if service in JOBS:
        assert (facts["restart"], facts["healthcheck"]) == ("on-failure:5", {"disable": True})
        return
    assert facts["restart"] == "unless-stopped"
    of_the_image = "build" in facts and STAGES[facts["build"]["target"]].last("HEALTHCHECK")
    assert of_the_image or facts["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("job", sorted(JOBS))
def test_what_goes_on_running_waits_for_the_end_of_each_job(job: str) -> None:
    """Else `up --wait` fails once the job has ended, however it did."""
    waiting = {
        service
        for service, facts in SERVICES.items()
        if facts.get("depends_on", {}).get(job) == {"condition": "service_completed_successfully"}
    }
    assert waiting - JOBS


def test_a_job_is_what_is_not_started_again_when_it_has_done_its_work() -> None:
    assert {service for service, facts in SERVICES.items() if facts["restart"] != "unless-stopped"} == JOBS


def test_nothing_that_serves_waits_for_the_job_that_sets_up_uptime_kuma() -> None:
    def needs(service: str) -> set[str]:
        direct = set(SERVICES[service].get("depends_on", {}))
        return direct.union(*(needs(each) for each in direct))

    assert {service for service in SERVICES if "kuma-apply" in needs(service)} == {"grafana"}
    assert {"proxy", "api", "migrate"} <= needs("kuma-apply")


@every_service
def test_an_image_is_a_target_of_the_dockerfile_or_pinned_to_a_release(service: str) -> None:
    facts = SERVICES[service]
    if "build" in facts:
        assert facts["build"]["target"] in STAGES
        assert facts["image"].endswith(":${M7B0_VERSION:-local}")
    else:
        assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+(\.\d+)?(-[a-z-]+)?", facts["image"])


@every_service
def test_nobody_but_the_job_that_gives_secrets_away_is_root(service: str) -> None:
    assert user_of(service).isdecimal()
    assert (user_of(service) == "0") == (service == "secrets")


def test_ports_are_those_of_the_proxy_and_the_dashboards() -> None:
    with_ports = {service: facts["ports"] for service, facts in SERVICES.items() if "ports" in facts}
    assert set(with_ports) == PUBLISHED
    for service, ports in with_ports.items():
        (port,) = ports
        assert port.startswith("${M7B0_LISTEN:-127.0.0.1}:" if service == "proxy" else "127.0.0.1:")


def test_from_the_outside_only_what_has_a_port_is_reached() -> None:
    outside = {name for name, facts in COMPOSE["networks"].items() if not facts.get("internal")}
    assert outside == {"published"}
    assert {service for service in SERVICES if networks(service) & outside} == PUBLISHED


def test_the_database_is_reached_by_whom_it_is_for() -> None:
    assert {service for service in SERVICES if "database" in networks(service)} == {
        *("postgres", "migrate", "api", "uptime-kuma"),
    }


def test_the_service_believes_the_proxy_alone() -> None:
    (address,) = re.findall(r":-([\d.]+)\}", SERVICES["proxy"]["networks"]["service"]["ipv4_address"])
    assert environment("api")["TRUSTED_PROXIES"] == f"${{M7B0_PROXY_ADDRESS:-{address}}}"
    # One network in common with the proxy and with Prometheus: the name `api` has one address for each replica there.
    assert networks("api") & networks("proxy") == {"service"}
    assert networks("api") & networks("prometheus") == {"service"}


@pytest.mark.parametrize("service", ["api", "migrate"])
def test_every_variable_of_the_service_is_a_setting_that_accepts_it(service: str) -> None:
    given = {name: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value) for name, value in environment(service).items()}
    assert {name.lower() for name in given} <= set(Settings.model_fields)
    files = {"database_password_file": "", "database_monitor_password_file": ""}  # Not there while this is tested.
    values: dict[str, Any] = {name.lower(): value for name, value in given.items()} | files
    assert Settings(_env_file=None, **values).database_url.get_secret_value().startswith("postgresql://m7b0@postgres")


def test_every_variable_of_the_job_for_uptime_kuma_is_in_its_file() -> None:
    text = (ROOT / "monitoring" / "kuma" / "kuma_config.yml").read_text(encoding="utf-8")
    known = set(re.findall(r"\$\{(\w+)|\{env: (\w+)\}", text))
    names = {name for pair in known for name in pair if name}
    assert {name if name in names else name.removesuffix("_FILE") for name in environment("kuma-apply")} <= names


@every_service
def test_every_secret_that_is_named_is_made_for_its_reader(service: str) -> None:
    needed = {Path(value).name for value in environment(service).values() if value.startswith("/run/secrets/")}
    mounted = [volume for volume, path, *_ in volumes(service) if path == "/run/secrets"]
    if not needed:
        return
    (volume,) = mounted
    reader = READERS[volume.removeprefix("secrets-")]
    assert needed <= set(reader.names)
    assert user_of(service) == str(reader.user)


def test_prometheus_finds_the_key_that_the_job_writes() -> None:
    config = yaml.safe_load((ROOT / "monitoring" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    (file,) = {job["basic_auth"]["password_file"] for job in config["scrape_configs"] if "basic_auth" in job}
    written = Path(environment("kuma-apply")["KUMA_API_KEY_FILE"])
    at = {volume: path for volume, path, *_ in volumes("kuma-apply")}["kuma-key"]
    read_at = {volume: path for volume, path, *_ in volumes("prometheus")}["kuma-key"]
    assert Path(file) == Path(read_at) / written.relative_to(at)
    assert SERVICES["prometheus"]["user"] == STAGES["kuma"].last("USER")


def test_what_is_mounted_exists_and_volumes_are_declared() -> None:
    for service in SERVICES:
        for source, *_ in volumes(service):
            if source.startswith("."):
                assert (ROOT / source).exists(), source
            else:
                assert source in COMPOSE["volumes"]


def test_the_targets_of_prometheus_and_grafana_are_services() -> None:
    config = yaml.safe_load((ROOT / "monitoring" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    for job in config["scrape_configs"]:
        for name in [
            *[name for each in job.get("dns_sd_configs", []) for name in each["names"]],
            *[target.split(":")[0] for each in job.get("static_configs", []) for target in each["targets"]],
        ]:
            assert name == "localhost" or networks(name) & networks("prometheus"), name
    assert networks("grafana") & networks("prometheus")


def test_no_secret_stands_in_the_file() -> None:
    for service in SERVICES:
        for name, value in environment(service).items():
            # Or it is the operator's own, and nothing where they set none.
            assert "PASSWORD" not in name or name.endswith("_FILE") or value == f"${{{name}:-}}", name
            assert not re.search(r"://[^/@]+:[^/@]+@", value)
