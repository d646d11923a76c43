package gateway

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/service"
)

// ProbeResult is what a self-test of one guard of one service saw.
type ProbeResult struct {
	Service string `json:"service"`
	Guard   string `json:"guard"` // label, moderate_in, moderate_out, privacy, record, agreement
	OK      bool   `json:"ok"`
	Saw     string `json:"saw"` // what was expected and what came, without content
}

type probeKey struct{}

// probeCall marks a request as hegui's own; id comes back as the exchange's.
type probeCall struct {
	service service.Service
	id      string
}

// probe is one self-test.
type probe struct {
	guard  string
	user   string // name under which it runs
	prompt string
	answer string // what the probe model says
	judge  func(status int, body string) (bool, string)
}

const (
	probeUser     = "hegui-probe"          // has accepted by contract of the probe itself
	probeStranger = "hegui-probe-stranger" // has not, and never does
	plainPrompt   = "self-test 自检"
	plainAnswer   = "This is the answer of a self-test. 这是自检的回答。"
	probePhone    = "13800138000"
)

// Probe sends synthetic requests through the same guards a client's request takes, with the service's own settings and the
// built-in probe model, and looks at what comes out. They are recorded under application exchange.ProbeApplication.
// The caller writes the results as journal.ProbeRan; the register's checks rest on them and on how fresh they are.
func (g *Gateway) Probe(ctx context.Context, serviceID string) []ProbeResult {
	svc, ok := g.o.Services.Service(serviceID)
	if !ok || len(svc.Models) == 0 {
		return []ProbeResult{{Service: serviceID, Guard: "route", Saw: "the service is not in force or has no model"}}
	}
	planted := g.planted(svc)
	probes := []probe{
		{"agreement", probeStranger, plainPrompt, plainAnswer, func(status int, body string) (bool, string) {
			return status == http.StatusForbidden && strings.Contains(body, "agreement_"), fmt.Sprintf("a user who has not accepted got status %d", status)
		}},
		{"label", probeUser, plainPrompt, plainAnswer, func(status int, body string) (bool, string) {
			explicit := label.HasExplicit(answerText(body))
			if svc.Label == label.UI {
				explicit = strings.Contains(body, "ai_notice")
			}
			implicit := strings.Contains(body, `"ContentProducer"`)
			return status == http.StatusOK && explicit && implicit, fmt.Sprintf("status %d, explicit label %t, implicit label %t", status, explicit, implicit)
		}},
		{"privacy", probeUser, plainPrompt + " " + probePhone, plainAnswer + " " + probePhone, func(status int, body string) (bool, string) {
			masked := !strings.Contains(body, probePhone)
			return status == http.StatusOK && masked, fmt.Sprintf("status %d, a mobile number in the answer was masked: %t", status, masked)
		}},
	}
	if planted != "" {
		probes = append(probes,
			probe{"moderate_in", probeUser, planted, plainAnswer, func(status int, body string) (bool, string) {
				refused := strings.Contains(body, "content_filter") && !strings.Contains(body, "self-test")
				return refused, fmt.Sprintf("status %d, a planted block-tier entry in the input was refused: %t", status, refused)
			}},
			probe{"moderate_out", probeUser, plainPrompt, plainAnswer + planted + plainAnswer, func(status int, body string) (bool, string) {
				stopped := strings.Contains(body, "content_filter") && !strings.Contains(body, planted)
				return stopped, fmt.Sprintf("status %d, a planted block-tier entry in the output was stopped: %t", status, stopped)
			}})
	}
	var results []ProbeResult
	recorded := 0
	for _, p := range probes {
		id, status, body := g.ask(ctx, svc, p)
		ok, saw := p.judge(status, body)
		results = append(results, ProbeResult{serviceID, p.guard, ok, saw})
		if r, _, err := g.o.Exchanges.Get(ctx, id); err == nil && r.Service == serviceID {
			recorded++
		}
	}
	if planted == "" {
		for _, guard := range []string{"moderate_in", "moderate_out"} {
			results = append(results, ProbeResult{serviceID, guard, false, "the lexicon in force has no block-tier entry that the policy refuses, so none can be planted"})
		}
	}
	return append(results, ProbeResult{serviceID, "record", recorded == len(probes), fmt.Sprintf("%d of %d self-tests were found in the record", recorded, len(probes))})
}

// planted is a text of the lexicon in force that the policy refuses in the input and stops in the output.
func (g *Gateway) planted(svc service.Service) string {
	c := &call{service: svc}
	lexicon, policy := g.o.Lexicon(), g.o.Policy()
	in, out := policy.At(c.place("in")), policy.At(c.place("out"))
	for _, e := range lexicon.Entries() {
		if e.Tier != moderation.Block || e.Kind != moderation.Contain || !e.Alone() || !e.Scope.Holds(c.place("in").Scene) || !e.Scope.Holds(c.place("out").Scene) {
			continue
		}
		hit := moderation.CaseOf(moderation.Finding{Listed: &moderation.Listed{Entry: e.ID, Category: e.Category, Tier: e.Tier, Severity: e.Severity}})
		if in.Decide(hit).Action == moderation.Refuse && out.Decide(hit).Action.Stricter(moderation.Guide) {
			return " " + e.Text + " "
		}
	}
	return ""
}

// ask sends one probe through serve, with an already authenticated call.
func (g *Gateway) ask(ctx context.Context, svc service.Service, p probe) (id string, status int, body string) {
	pc := &probeCall{service: svc}
	text := jsonObject(map[string]any{"model": svc.Models[0].Name, "messages": []any{map[string]string{"role": "user", "content": p.prompt}},
		"metadata": map[string]string{"hegui_probe": p.answer}})
	r, err := http.NewRequestWithContext(context.WithValue(ctx, probeKey{}, pc), http.MethodPost, "/v1/chat/completions", bytes.NewReader(text))
	if err != nil {
		return "", 0, ""
	}
	r.RemoteAddr = "hegui"
	r.Header.Set("X-Hegui-User", p.user)
	w := &recorder{header: http.Header{}}
	g.serve(w, r, operations()[0])
	return pc.id, w.status, w.body.String()
}

// answerText is the content of the first choice.
func answerText(body string) string {
	var d doc
	if d.scan([]byte(body)) != nil || d.nodes[0].kind != isObject {
		return ""
	}
	choices := d.member(0, "choices")
	if choices < 0 || d.nodes[choices].next == int32(choices+1) {
		return ""
	}
	message := d.member(choices+1, "message")
	if message < 0 {
		return ""
	}
	content := d.member(message, "content")
	if content < 0 || d.nodes[content].kind != isString {
		return ""
	}
	return string(d.text(content))
}

// recorder is an http.ResponseWriter that keeps the answer of a probe.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(b)
}
