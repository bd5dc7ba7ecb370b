package main

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
)

// metrics is what Prometheus reads. Labels have few values, and no names of
// the tenant's.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	jobs     *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics(kept *sqlite.Store, log *slog.Logger) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "azward_http_request_duration_seconds", Help: "Time to answer a request.",
			Buckets: []float64{.005, .01, .025, .05, .1, .15, .25, .5, 1, 2.5, 10},
		}, []string{"area", "method", "code"}),
		jobs: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "azward_jobs_total", Help: "Jobs that ended, by how."}, []string{"kind", "state"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "azward_job_duration_seconds", Help: "Time that a job took.", Buckets: prometheus.ExponentialBuckets(1, 2, 14),
		}, []string{"kind"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "azward_build_info", Help: "Always 1; the version is a label.", ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.jobs, m.seconds, build, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &kepts{store: kept, log: log})
	return m
}

// ended counts a job.
func (m *metrics) ended(job store.Job) {
	m.jobs.WithLabelValues(job.Kind, string(job.State)).Inc()
	if !job.StartedAt.IsZero() && !job.FinishedAt.IsZero() {
		m.seconds.WithLabelValues(job.Kind).Observe(job.FinishedAt.Sub(job.StartedAt).Seconds())
	}
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

type areaKey struct{}

// wrap measures every request.
func (m *metrics) wrap(next http.Handler) http.Handler {
	measured := promhttp.InstrumentHandlerDuration(m.requests, next, promhttp.WithLabelFromCtx("area", func(ctx context.Context) string {
		area, _ := ctx.Value(areaKey{}).(string)
		return area
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		measured.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), areaKey{}, areaOf(r.URL.Path))))
	})
}

// areaOf sorts paths into a few that a chart can show.
func areaOf(path string) string {
	for _, area := range []struct{ prefix, name string }{
		{"/api/", "api"}, {"/azure/", "aurora"}, {"/assets/", "assets"}, {"/healthz", "health"}, {"/readyz", "health"}, {"/metrics", "metrics"},
	} {
		if strings.HasPrefix(path, area.prefix) {
			return area.name
		}
	}
	return "pages"
}

// kepts counts what the store holds when Prometheus asks.
type kepts struct {
	store *sqlite.Store
	log   *slog.Logger
}

var (
	verdictsMetric = prometheus.NewDesc("azward_verdicts", "Verdicts that stand, by result.", []string{"result"}, nil)
	waitingMetric  = prometheus.NewDesc("azward_jobs", "Jobs under way, by state.", []string{"state"}, nil)
)

func (k *kepts) Describe(to chan<- *prometheus.Desc) { to <- verdictsMetric; to <- waitingMetric }

// Collect leaves out what cannot be read: no number is better than a wrong 0.
func (k *kepts) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	counts, err := k.store.CountVerdicts(ctx, store.Filter{})
	if err != nil {
		k.log.Error("count verdicts for metrics", "error", err)
	}
	for result, n := range counts {
		to <- prometheus.MustNewConstMetric(verdictsMetric, prometheus.GaugeValue, float64(n), string(result))
	}
	under, err := k.store.Jobs(ctx, store.JobFilter{States: []store.JobState{store.JobQueued, store.JobRunning}})
	if err != nil {
		k.log.Error("count jobs for metrics", "error", err)
		return
	}
	states := map[store.JobState]int{store.JobQueued: 0, store.JobRunning: 0}
	for _, job := range under {
		states[job.State]++
	}
	for state, n := range states {
		to <- prometheus.MustNewConstMetric(waitingMetric, prometheus.GaugeValue, float64(n), string(state))
	}
}
