package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// result is one line gwbench writes.
type result struct {
	Target string             `json:"target"`
	M      map[string]float64 `json:"m"`
	Note   string             `json:"note"`
}

// report prints medians and what the targets of the project speak of: ratios to floor-hand, and streams that went wrong.
func report(w io.Writer, raw []byte) error {
	var order []string
	runs := map[string][]result{}
	for line := range bytes.Lines(raw) {
		var r result
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("gwbench's results: %w", err)
		}
		if runs[r.Target] == nil {
			order = append(order, r.Target)
		}
		runs[r.Target] = append(runs[r.Target], r)
	}
	value := func(target, metric string) float64 {
		var v []float64
		for _, r := range runs[target] {
			if x, ok := r.M[metric]; ok {
				v = append(v, x)
			}
		}
		return median(v)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\ntarget\tCPU µs/req\tCPU µs/req 32 KB\treq/s\tadded p50 µs at 200/s\tadded TTFT p50 µs\tCPU µs/chunk paced\tCPU µs/chunk\tMB peak\tcold ms\terrors\t")
	for _, name := range order {
		wrong := 0.0
		for _, r := range runs[name] {
			for k, v := range r.M {
				if strings.HasSuffix(k, "_err") {
					wrong += v
				}
			}
		}
		fmt.Fprintf(t, "%s\t%.1f\t%.1f\t%.0f\t%.0f\t%.0f\t%.1f\t%.2f\t%.0f\t%.0f\t%.0f\t\n", name, value(name, "sat_cpu_us"), value(name, "sat32k_cpu_us"), value(name, "sat_rps"),
			value(name, "r0_p50_us")-value("direct", "r0_p50_us"), value(name, "st1_ttft50_us")-value("direct", "st1_ttft50_us"),
			value(name, "st10_cpu_us_chunk"), value(name, "st0_cpu_us_chunk"), value(name, "rss_peak_mb"), value(name, "cold_ms"), wrong)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, name := range order {
		for _, r := range runs[name] {
			if r.Note != "" {
				fmt.Fprintf(w, "%s: %s\n", name, r.Note)
			}
		}
	}
	if len(runs["hegui"]) == 0 || len(runs["floor-hand"]) == 0 {
		return nil
	}
	ratio := func(metric string) float64 { return value("hegui", metric) / value("floor-hand", metric) }
	fmt.Fprintf(w, "\nhegui / floor-hand: CPU per request %.2f, at 32 KB %.2f, req/s %.2f, CPU per paced chunk %.2f, per chunk back to back %.2f\n",
		ratio("sat_cpu_us"), ratio("sat32k_cpu_us"), ratio("sat_rps"), ratio("st10_cpu_us_chunk"), ratio("st0_cpu_us_chunk"))
	if len(runs["direct"]) > 0 {
		fmt.Fprintf(w, "hegui adds to the time to first token: %.2f ms p50 (floor-hand %.2f ms)\n",
			(value("hegui", "st1_ttft50_us")-value("direct", "st1_ttft50_us"))/1000, (value("floor-hand", "st1_ttft50_us")-value("direct", "st1_ttft50_us"))/1000)
	}
	return nil
}
