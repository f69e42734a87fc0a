"""One webhook, followed through the whole installation to the platform that is told."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SKU = "TEE-BLACK-M"


@pytest.fixture(scope="module")
def spans():
    """What a collector of OpenTelemetry has taken."""
    return []


@pytest.fixture(scope="module")
def edited(spans):
    class Taking(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                spans.extend(span for scope in resource.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield lambda text: f'{text}\n[tracing]\nendpoint = "http://127.0.0.1:{server.server_port}/v1/traces"\n'
    server.shutdown()
    server.server_close()


def test_given_a_web_order_then_one_trace_leads_from_its_webhook_to_the_push_of_the_till_s_number(up, spans):
    document = json.loads((Path(__file__).parents[2] / "deploy/example/order.json").read_text())
    assert up.webhook(document) == 200

    def whole():
        heads = {span.trace_id for span in spans if span.name == "webhook"}
        traces = {ident: [span for span in spans if span.trace_id == ident] for ident in heads}
        return next(
            (
                its
                for its in traces.values()
                if {span.name for span in its} >= {"webhook", "settle", "ledger", "push"}
            ),
            None,
        )

    its = up.until(whole, 20)
    names = {
        one.key: one.value.string_value for span in its if span.name == "push" for one in span.attributes
    }
    assert names["outcome"] == "pushed"
    assert names["channel"] in {"tills", "web"}
    (head,) = (span for span in its if span.name == "webhook")
    assert all(span.parent_span_id == head.span_id for span in its if span is not head)
    told = str(spans)
    assert SKU not in told
    for word in ("Bearer", "hmac", "sandbox", str(document["id"])):
        assert word not in told
    up.until(lambda: up.run("verify")["ok"], 20)
