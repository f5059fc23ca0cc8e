"""A real Prometheus with the committed configuration, that scrapes what a test has started."""

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from monitoring.prometheus_api import Prometheus, PrometheusError
from tests.servers import ROOT

COMMITTED = ROOT / "monitoring" / "prometheus"
STEP_SECONDS = 1.0
"""How often it scrapes and evaluates its rules."""


def configuration(targets: Mapping[str, str], key_file: Path) -> dict[str, Any]:
    """The committed configuration with other targets, by the names of their jobs, and without its patience.

    Where alerts go is relative to the file that it is written to.
    """
    config: dict[str, Any] = yaml.safe_load((COMMITTED / "prometheus.yml").read_text(encoding="utf-8"))
    seconds = f"{STEP_SECONDS:g}s"
    config["global"] = {"scrape_interval": seconds, "scrape_timeout": seconds, "evaluation_interval": seconds}
    config["rule_files"] = [str(COMMITTED / pattern) for pattern in config["rule_files"]]
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert jobs.keys() == targets.keys()
    for name, job in jobs.items():
        job.pop("dns_sd_configs", None)
        job["static_configs"] = [{"targets": [targets[name]]}]
    jobs["kuma"]["basic_auth"]["password_file"] = str(key_file)
    return config


@contextmanager
def prometheus(directory: Path, targets: Mapping[str, str], kuma_key: str) -> Iterator[Prometheus]:
    """One that keeps what it scrapes in this directory, until the block ends. `prometheus` is its own target, too.

    Raises:
        RuntimeError: it ended or was not ready within 30 seconds; the message holds its log.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    key_file, config, log = directory / "key", directory / "prometheus.yml", directory / "prometheus.log"
    key_file.write_text(kuma_key, encoding="utf-8")
    config.write_text(yaml.safe_dump(configuration({**targets, "prometheus": address}, key_file)), encoding="utf-8")
    (directory / "alertmanagers").mkdir()
    options = {
        "config.file": config,
        "storage.tsdb.path": directory / "data",
        "web.listen-address": address,
        "rules.alert.resend-delay": f"{STEP_SECONDS:g}s",
    }
    with log.open("wb") as sink:
        process = subprocess.Popen(
            ["prometheus", *(f"--{name}={value}" for name, value in options.items())],
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    try:
        with Prometheus(f"http://{address}") as asked:
            _wait_until_ready(asked, process, log)
            yield asked
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_ready(asked: Prometheus, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if len(asked.now("up")) == 3:
                return
        except PrometheusError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"Prometheus did not start:\n{log.read_text(encoding='utf-8')}")
