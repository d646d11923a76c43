package detector

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are counted by detector and outcome; both are few. A nil *Metrics counts nothing.
type Metrics struct {
	checks  *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	yuan    *prometheus.CounterVec
	rests   *prometheus.GaugeVec
}

// NewMetrics registers them.
func NewMetrics(r prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		checks:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hegui_detector_checks_total", Help: "Texts by detector and outcome: clear, findings, unavailable, cached, not_needed, capped."}, []string{"detector", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "hegui_detector_seconds", Help: "Checks that were put to the detector.", Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}}, []string{"detector"}),
		yuan:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hegui_detector_spend_yuan_total", Help: "What checks have cost by the price table, in yuan."}, []string{"detector"}),
		rests:   prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "hegui_detector_breaker_open", Help: "1 while the detector rests after failures."}, []string{"detector"}),
	}
	for _, c := range []prometheus.Collector{m.checks, m.seconds, m.yuan, m.rests} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("detector: metrics: %w", err)
		}
	}
	return m, nil
}

func (m *Metrics) check(name, outcome string) {
	if m != nil {
		m.checks.WithLabelValues(name, outcome).Inc()
	}
}

func (m *Metrics) took(name string, d time.Duration) {
	if m != nil {
		m.seconds.WithLabelValues(name).Observe(d.Seconds())
	}
}

func (m *Metrics) spent(name string, cost Micros) {
	if m != nil && cost > 0 {
		m.yuan.WithLabelValues(name).Add(cost.Yuan())
	}
}

func (m *Metrics) open(name string, open bool) {
	if m == nil {
		return
	}
	v := 0.0
	if open {
		v = 1
	}
	m.rests.WithLabelValues(name).Set(v)
}
