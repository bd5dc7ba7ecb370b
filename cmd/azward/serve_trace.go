package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/azward/azward/jobs"
	"github.com/azward/azward/store"
)

// traces sends spans to a collector; a nil one sends none.
type traces struct{ provider *sdktrace.TracerProvider }

// newTraces makes the exporter, which dials when there is something to send.
// Headers, such as a token, come from OTEL_EXPORTER_OTLP_HEADERS.
func newTraces(ctx context.Context, endpoint string, log *slog.Logger) (*traces, error) {
	if endpoint == "" {
		return nil, nil //nolint:nilnil // no endpoint, no traces
	}
	to, err := url.Parse(endpoint)
	if err != nil {
		return nil, fmt.Errorf("send traces to %s: %w", endpoint, err)
	}
	if strings.Trim(to.Path, "/") == "" {
		to.Path = "/v1/traces" // where collectors take them: https://opentelemetry.io/docs/specs/otlp/#otlphttp-request
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(to.String()))
	if err != nil {
		return nil, fmt.Errorf("send traces to %s: %w", endpoint, err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces", "error", err) }))
	about := resource.NewSchemaless(attribute.String("service.name", "azward"), attribute.String("service.version", version))
	return &traces{sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))}, nil
}

func (t *traces) close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// wrap makes a span of every request. Its name has no resource in it, and a
// caller's own trace is linked and not joined: anybody may send one.
func (t *traces) wrap(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return otelhttp.NewHandler(next, "hub", otelhttp.WithTracerProvider(t.provider), otelhttp.WithPropagators(propagation.TraceContext{}),
		otelhttp.WithPublicEndpointFn(func(*http.Request) bool { return true }),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method + " " + areaOf(r.URL.Path) }))
}

// wrapRunners makes a span of every job.
func (t *traces) wrapRunners(all map[string]jobs.Runner) map[string]jobs.Runner {
	if t == nil {
		return all
	}
	tracer := t.provider.Tracer("github.com/azward/azward/jobs")
	for kind, runner := range all {
		run := runner.Run
		runner.Run = func(ctx context.Context, job store.Job, to *jobs.Reporter) error {
			ctx, span := tracer.Start(ctx, "job "+kind)
			defer span.End()
			span.SetAttributes(attribute.String("azward.job", job.ID), attribute.Int("azward.attempt", job.Attempt))
			err := run(ctx, job, to)
			if err != nil {
				span.SetStatus(codes.Error, err.Error())
			}
			return err
		}
		all[kind] = runner
	}
	return all
}
