"""What follows a document: the same way for its bytes, and nothing where nobody looks."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from schemas.claims import Fact
from schemas.codec import encode
from schemas.rules import ChannelRules, Rules
from schemas.topics import CHANNEL_QUANTITIES
from schemas.witnesses import NOBODY
from streams.settings import BadConfiguration, TracingSettings
from streams.stages import TRACEPARENT, Naming, claim_out, ledger_stage, settle_stage, trace_of
from streams.tracing import OFF, marked, tracing_of

ROOT = Path(__file__).resolve().parents[2]
NAMING = Naming("p.")
RULES = Rules(version="r1", channels={"web": ChannelRules(), "tills": ChannelRules(publish="locations")})
TRACE = b"00-9964aacdaaba36a0abefb16d4f787985-abeca676a712aa10-01"
OTHER = b"00-11111111111111111111111111111111-2222222222222222-01"


@pytest.fixture
def collector() -> Iterator[tuple[str, list]]:
    """One that takes spans as any does: its address, and what came."""
    spans: list = []

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                spans.extend(span for scope in resource.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    running = threading.Thread(target=server.serve_forever, daemon=True)
    running.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/traces", spans
    server.shutdown()
    server.server_close()
    running.join()


def folded(stage, records):
    folding = stage(0, {}.get, False)
    folding.take(records)
    while (made := folding.made(2)) is None:
        pass
    return made


def plain(outs):
    return [(out.topic, out.key, out.value) for out in outs]


def test_given_records_that_are_followed_then_all_they_make_is_followed_and_no_byte_of_it_is_another(
    record, claim
):
    sales = [claim(f"sale/{number}", (Fact.OPENED, f"SKU-{number % 3}", 9, "SOHO")) for number in range(6)]
    headers = [((TRACEPARENT, TRACE),), (), ((TRACEPARENT, OTHER),), (), (), ()]

    def chunk(followed):
        return [
            record(sale.transaction.encode(), encode(sale), offset=number, headers=its if followed else ())
            for number, (sale, its) in enumerate(zip(sales, headers, strict=True))
        ]

    with_it, without = (folded(settle_stage(NAMING, NOBODY), chunk(followed)) for followed in (True, False))
    assert plain(with_it.outputs) == plain(without.outputs)
    assert with_it.cells == without.cells
    traces = [out.headers[-1][1] if out.headers[-1][0] == TRACEPARENT else None for out in with_it.outputs]
    assert traces == [TRACE, None, OTHER, None, None, None]

    def movements(outs):
        return [record(out.key, out.value, offset=n, headers=out.headers) for n, out in enumerate(outs)]

    ledgers = [folded(ledger_stage(NAMING, RULES), movements(made.outputs)) for made in (with_it, without)]
    assert plain(ledgers[0].outputs) == plain(ledgers[1].outputs)
    assert ledgers[0].cells == ledgers[1].cells
    numbers = [out for out in ledgers[0].outputs if out.topic == NAMING(CHANNEL_QUANTITIES)]
    by_sku = {(out.key.rpartition(b"|")[2], dict(out.headers).get(TRACEPARENT)) for out in numbers}
    assert by_sku == {(b"SKU-0", TRACE), (b"SKU-1", None), (b"SKU-2", OTHER)}
    assert all(TRACEPARENT not in dict(out.headers) for out in ledgers[1].outputs)


def test_given_a_record_that_nobody_follows_then_its_headers_are_what_they_were(record, claim):
    out = claim_out(NAMING, claim("sale/1", (Fact.SOLD, "TEE", 1, "SOHO")))
    assert marked([out], None) == [out]
    assert trace_of(record(out.key, out.value, headers=out.headers)) is None
    (followed,) = marked([out], TRACE)
    assert trace_of(record(followed.key, followed.value, headers=followed.headers)) == TRACE
    assert followed._replace(headers=out.headers) == out


def test_given_nobody_looks_then_nothing_of_the_kind_is_imported_and_no_context_is_made():
    assert tracing_of(TracingSettings(), "serve") is OFF
    with OFF.span("webhook") as trace:
        assert trace is None
    script = "import sys, streams.parts, streams.app; print([m for m in sys.modules if m.startswith('opentelemetry.sdk')])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "[]\n"


def test_given_it_is_wanted_and_not_installed_then_what_to_do_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(BadConfiguration, match=r"install onhand\[otel\]"):
        tracing_of(TracingSettings(endpoint="http://127.0.0.1:4318/v1/traces"), "serve")


def test_given_a_document_then_its_spans_are_one_trace_with_the_webhook_at_its_head(collector):
    endpoint, spans = collector
    serve, worker = (tracing_of(TracingSettings(endpoint=endpoint), part) for part in ("serve", "worker"))
    with serve.span("webhook", channel="web") as trace:
        pass
    worker.passed("settle", trace, 1_000_000_000, topic="claims")
    for one in (serve, worker):
        one.close()
    by_name = {span.name: span for span in spans}
    assert by_name.keys() == {"webhook", "settle"}
    assert by_name["settle"].trace_id == by_name["webhook"].trace_id
    assert by_name["settle"].parent_span_id == by_name["webhook"].span_id
    assert by_name["settle"].start_time_unix_nano == 1_000_000_000
    assert by_name["webhook"].parent_span_id == b""


def test_given_a_share_of_nothing_then_no_document_is_followed(collector):
    endpoint, spans = collector
    tracing = tracing_of(TracingSettings(endpoint=endpoint, share=0), "serve")
    with tracing.span("webhook") as trace:
        assert trace is None
    tracing.close()
    assert spans == []


def test_given_a_failure_in_a_span_then_its_text_is_not_sent(collector):
    endpoint, spans = collector
    tracing = tracing_of(TracingSettings(endpoint=endpoint), "serve")
    failure = RuntimeError("wilhelmina@example.com")
    with pytest.raises(RuntimeError), tracing.span("webhook", channel="web"):
        raise failure
    tracing.close()
    assert "wilhelmina" not in str(spans)
    assert len(spans) == 1
