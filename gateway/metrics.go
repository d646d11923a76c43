package gateway

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hegui/hegui/exchange"
)

// metrics are counted without labels that come from clients, so their number stays small.
type metrics struct {
	requests *prometheus.CounterVec // operation, outcome, verdict
	seconds  *prometheus.HistogramVec
	first    *prometheus.HistogramVec
	outages  *prometheus.CounterVec // guard, rule
	streams  prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	buckets := []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hegui_exchanges_total", Help: "Exchanges by operation, outcome and verdict."}, []string{"operation", "outcome", "verdict"}),
		seconds:  prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "hegui_exchange_seconds", Help: "Whole exchange, request to last byte.", Buckets: buckets}, []string{"operation"}),
		first:    prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "hegui_first_byte_seconds", Help: "Request to first byte of the answer.", Buckets: buckets}, []string{"operation"}),
		outages:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hegui_guard_outages_total", Help: "Exchanges in which a guard could not work, by the rule that was followed."}, []string{"guard", "rule"}),
		streams:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "hegui_open_streams", Help: "Streams being delivered now."}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.seconds, m.first, m.outages, m.streams} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("gateway: metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) count(c *call, r exchange.Record) {
	m.requests.WithLabelValues(r.Operation, string(r.Outcome), string(r.Verdict)).Inc()
	m.seconds.WithLabelValues(r.Operation).Observe(r.Ended.Sub(c.started).Seconds())
	if !c.first.IsZero() {
		m.first.WithLabelValues(r.Operation).Observe(c.first.Sub(c.started).Seconds())
	}
}
