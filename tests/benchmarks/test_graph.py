"""What is made of a client's report, and of the rounds."""

import subprocess
import sys
from collections.abc import Iterator
from typing import cast

import graphql
import pytest

from benchmarks import processes
from benchmarks.clients import Client, Load, LoadError, Sockets, Wrk, told_by_wrk
from benchmarks.contenders import (
    PLAIN,
    SERVICE,
    YARDSTICK,
    Contender,
    DisagreementError,
    Figures,
    agree,
    figures_of,
    seconds_enough,
)
from benchmarks.graph import Ratio, medians, summary
from benchmarks.shapes import Shape
from tests.benchmarks.conftest import ROOT
from tests.servers import Server

_SERVER = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version, wbufsize = "HTTP/1.1", -1
    def do_POST(self):
        self.send_response(int(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
    def log_message(self, *_):
        pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""
REPORT = b"""Running 1s test @ http://127.0.0.1:8000/graphql
  1 threads and 16 connections
Requests/sec:   2235.00
{"requests": 2240, "microseconds": 1002000, "p50": 7100, "p99": 15250, "errors": 0}
"""


def test_the_line_that_the_script_prints_is_read_from_wrk_s_report() -> None:
    assert told_by_wrk(REPORT) == Load(requests=2240, seconds=1.002, p50_ms=7.1, p99_ms=15.25, errors=0)


@pytest.mark.parametrize("output", [b"", b"unable to connect to 127.0.0.1:1\n", b"[1, 2]\n", b'{"requests": 1}\n'])
def test_a_report_without_that_line_is_refused(output: bytes) -> None:
    with pytest.raises(LoadError, match="something else than figures"):
        told_by_wrk(output)


def figures(rate: float, peak_mb: float = 100.0) -> Figures:
    return Figures(rate, 1000 / rate, 3000 / rate, 900 / rate, peak_mb)


def test_a_round_with_errors_or_without_answers_is_no_figure() -> None:
    assert figures_of("service", "point", Load(200, 2.0, 1.0, 2.0), cpu=1.0, peak=50_000_000) == Figures(
        rate=100.0, p50_ms=1.0, p99_ms=2.0, cpu_ms=5.0, peak_mb=50.0
    )
    with pytest.raises(LoadError, match="service answered point 200 times, with 1 errors"):
        figures_of("service", "point", Load(200, 2.0, 1.0, 2.0, errors=1), cpu=1.0, peak=1)
    with pytest.raises(LoadError, match="service answered point 0 times"):
        figures_of("service", "point", Load(0, 2.0, 0.0, 0.0), cpu=0.0, peak=1)


class Answering(Contender):
    """Answers every shape with these data."""

    def data(self, shape: Shape) -> list[bytes]:
        return [f"{variables[self.name]}".encode() for variables in shape.variables]


def test_contenders_that_answer_differently_are_not_measured() -> None:
    never_asked = cast("Server", None)
    contenders: list[Contender] = [Answering(name, never_asked) for name in (SERVICE, PLAIN, YARDSTICK)]
    same = dict.fromkeys((SERVICE, PLAIN, YARDSTICK), "{1: 2}")
    agree(contenders, Shape("point", "", [same, same], "/point"))
    with pytest.raises(
        DisagreementError, match=r"service and plain answer request 1 of point differently: \{1: 2\} and \{1: 3"
    ):
        agree(contenders, Shape("point", "", [same, {**same, PLAIN: "{1: 3}"}], "/point"))
    with pytest.raises(DisagreementError, match="service and yardstick answer request 0"):
        agree(contenders, Shape("point", "", [{**same, YARDSTICK: "{1: 2"}], "/point"))
    agree(contenders, Shape("board100", "", [{**same, YARDSTICK: "{}"}]))


def test_a_slow_answer_is_asked_for_longer_so_that_every_connection_gets_one() -> None:
    assert seconds_enough(0.001, connections=16, seconds=2) == 2
    assert seconds_enough(0.2, connections=4, seconds=2) == 4
    assert seconds_enough(1.0, connections=2, seconds=2) == 6
    assert seconds_enough(3.0, connections=4, seconds=1) == 24


def test_a_ratio_is_that_of_the_same_rounds_and_not_of_the_medians() -> None:
    ours, theirs = [figures(rate) for rate in (50, 90, 30)], [figures(rate) for rate in (100, 100, 50)]
    assert Ratio.of(ours, theirs) == Ratio(median=0.6, lowest=0.5, highest=0.9)


def test_a_summary_has_medians_and_the_most_memory() -> None:
    rounds = [figures(10, 100), figures(40, 140), figures(20, 120)]
    assert medians(rounds) == {"rate": 20, "p50_ms": 50, "p99_ms": 150, "cpu_ms": 45, "peak_mb": 140}
    shape = Shape("board100", "{ models { version } }", [{}], to_reach=10, beside_plain=True)
    found = summary(shape, {SERVICE: rounds, PLAIN: [figures(2), figures(2), figures(2)]})
    assert (found["ratio"], found["to_plain"]["median"], found["to_reach"]) == (None, 10, 10)
    assert YARDSTICK not in found


def test_every_document_is_valid(measured_shapes: dict[str, Shape]) -> None:
    schema = graphql.build_schema((ROOT / "schema.graphql").read_text(encoding="utf-8"))
    for shape in measured_shapes.values():
        assert graphql.validate(schema, graphql.parse(shape.document)) == [], shape.name


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a small server, a process of its own, that answers with the status that it is sent."""
    program = tmp_path_factory.mktemp("echo") / "server.py"
    program.write_text(_SERVER, encoding="utf-8")
    with subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/graphql"
        finally:
            process.kill()


@pytest.mark.parametrize("name", ["Sockets", pytest.param("Wrk", marks=pytest.mark.needs("wrk"))])
def test_a_client_posts_the_bodies_in_turn_and_counts_what_is_no_success(echo: str, name: str) -> None:
    asking: Client = Wrk("wrk") if name == "Wrk" else Sockets()
    seen = asking.load(echo, [b"200", b"500", b"200", b"404"], connections=2, seconds=1)
    assert seen.requests > 3
    assert abs(seen.requests - 2 * seen.errors) <= 4
    assert 0 < seen.p50_ms <= seen.p99_ms


def test_the_system_knows_a_process_s_time_and_memory() -> None:
    with subprocess.Popen([sys.executable, "-c", "sum(range(3_000_000)); input()"], stdin=subprocess.PIPE) as process:
        processes.wait_until_quiet(process.pid)
        assert processes.cpu_seconds(process.pid) > 0
        assert 1e6 < processes.resident_bytes(process.pid) <= processes.peak_bytes(process.pid)
        processes.forget_peak(process.pid)
        process.kill()
    assert processes.resident_bytes(process.pid) == 0
