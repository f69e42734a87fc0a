"""Follows a document on its way, from the webhook to the platforms that are told: for whoever installed the extra `otel`.

The context travels in the record's last header, as W3C Trace Context has it (`traceparent`); no value of any record is another for it. Without
`[tracing]` in the settings nothing of OpenTelemetry is imported, and no record has that header.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

from aiokafka import ConsumerRecord

from streams.settings import BadConfiguration, TracingSettings
from streams.stages import TRACEPARENT, trace_of
from streams.writer import Out


class Tracing(Protocol):
    """Where spans go."""

    @property
    def on(self) -> bool:
        """Whether anybody looks."""

    def span(self, name: str, **attributes: str) -> AbstractContextManager[bytes | None]:
        """A block that is a span of its own; yields its context as a header's value, None where nobody looks."""

    def passed(self, name: str, context: bytes, began: int, **attributes: str) -> None:
        """A span within a context, from an instant (nanoseconds since 1970) until now."""

    def close(self) -> None:
        """Sends what is not sent yet."""


class Off:
    """Nobody looks."""

    on = False

    def span(self, name: str, **attributes: str) -> AbstractContextManager[None]:  # noqa: ARG002  # nobody looks
        """Nothing."""
        return nullcontext()

    def passed(self, name: str, context: bytes, began: int, **attributes: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


OFF = Off()


def marked(outs: Iterable[Out], context: bytes | None) -> list[Out]:
    """Records with a context to go on with; without one, as they are."""
    if context is None:
        return list(outs)
    return [out._replace(headers=(*out.headers, (TRACEPARENT, context))) for out in outs]


def chunk_passed(tracing: Tracing, stage: str, records: Sequence[ConsumerRecord], began: int) -> None:
    """A stage has taken some records in, with all that follows from them."""
    for record in records:
        if (context := trace_of(record)) is not None:
            tracing.passed(
                stage, context, began, topic=record.topic, record=f"{record.partition}-{record.offset}"
            )


def tracing_of(settings: TracingSettings, part: str) -> Tracing:
    """Where the spans of a process go. Raises `BadConfiguration` where OpenTelemetry is wanted and not installed."""
    if settings.endpoint is None:
        return OFF
    try:
        return Otel(settings.endpoint, settings.share, part)
    except ImportError:
        raise BadConfiguration(
            "tracing.endpoint: OpenTelemetry is not installed; install onhand[otel], or take the setting out"
        ) from None


class Otel:
    """Spans go to a collector by OTLP over HTTP, in batches and on a thread of their own: nobody waits for them, and what it does not take is
    lost. Raises `ImportError` where OpenTelemetry is not installed.
    """

    on = True

    def __init__(self, endpoint: str, share: float, part: str) -> None:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = TracerProvider(
            resource=Resource.create({"service.name": f"onhand-{part}"}),
            sampler=ParentBased(TraceIdRatioBased(share)),
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, timeout=5)))
        self._tracer = self._provider.get_tracer("onhand")
        self._trace, self._context = trace, TraceContextTextMapPropagator()

    @contextmanager
    def span(self, name: str, **attributes: str) -> Iterator[bytes | None]:
        """A block that is a span of its own. What the sender says of a trace is not taken over: it is somebody else's."""
        whose = self._tracer.start_as_current_span(
            name, attributes=attributes, record_exception=False, set_status_on_exception=False
        )  # the text of a failure is for the log, which takes out what nobody may read
        with whose as span:
            carried: dict[str, str] = {}
            self._context.inject(carried)
            yield carried[TRACEPARENT].encode() if span.is_recording() else None

    def passed(self, name: str, context: bytes, began: int, **attributes: str) -> None:
        """A span within a context, from an instant until now."""
        its = self._context.extract({TRACEPARENT: context.decode("ascii", "replace")})
        self._tracer.start_span(name, its, attributes=attributes, start_time=began).end(time.time_ns())

    def close(self) -> None:
        """Sends what is not sent yet."""
        self._provider.shutdown()
