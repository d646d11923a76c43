package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/service"
)

// Each test here pins what somebody trying to break the gateway found.

func TestSlowBodiesAreAnswered(t *testing.T) {
	h := setup(t, says("ok"), nil)
	for name, head := range map[string]string{
		"bad key":      "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer hg-nope\r\nContent-Length: 5000\r\n\r\n{",
		"unknown path": "POST /v1/nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n{",
		"too large":    "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + h.key + "\r\nContent-Length: 500000000\r\n\r\n{",
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
		must(t, err)
		_, err = io.WriteString(conn, head)
		must(t, err)
		must(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode < 400 {
			t.Errorf("%s: %v %v", name, resp, err)
		}
		_ = conn.Close()
	}
}

func TestPartsOfAMessageAreReadTogether(t *testing.T) {
	h := setup(t, says("ok"), nil)
	r := h.post("/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"禁果"},{"type":"text","text":"出售"}]}]}`)
	if !strings.Contains(r.body, "content_filter") {
		t.Error(r.body)
	}
}

func TestMaskingKeepsJSONWhole(t *testing.T) {
	h := setup(t, says(`{"tel": 138`, `12345678, "mail": "a.b@c.com"}`), nil)
	ask := `{"model":"m","stream":%t,"response_format":{"type":"json_object"},"messages":[{"role":"user","content":"hi"}]}`
	plain := h.post("/v1/chat/completions", fmt.Sprintf(ask, false)).content()
	streamed := h.post("/v1/chat/completions", fmt.Sprintf(ask, true)).stream(t).content
	for _, text := range []string{plain, streamed} {
		if !json.Valid([]byte(text)) || strings.Contains(text, "13812345678") {
			t.Errorf("%q", text)
		}
	}
}

func TestUpstreamLearnsThePseudonymOnly(t *testing.T) {
	h := setup(t, says("ok"), nil)
	h.accept("张三 13812345678")
	r := h.post("/v1/chat/completions", `{"model":"m","user":"张三 13812345678","messages":[{"role":"user","content":"hi"}]}`, "X-Hegui-User", "")
	if r.status != 200 {
		t.Fatal(r.body)
	}
	if body := string(<-h.seen); strings.Contains(body, "张三") || strings.Contains(body, "138") {
		t.Errorf("upstream got %s", body)
	}
}

func TestACutAnswerIsLabelledAndCorrected(t *testing.T) {
	h := setup(t, says("clean beginning, ", "then forbidden fruit"), func(s *service.Service) { s.Label = label.End })
	r := h.chat("hi", true)
	s := r.stream(t)
	if !strings.Contains(s.content, label.Words(label.End, "zh").Suffix) || !strings.Contains(r.body, `"verdict":"stop"`) || !strings.Contains(r.body, `"appeal"`) {
		t.Errorf("%+v\n%s", s, r.body)
	}
	rec := h.record(r)
	if rec.Label != "text" {
		t.Errorf("%+v", rec)
	}
	content, err := h.exchanges.Read(context.Background(), journal.Actor{Kind: "staff", ID: "s"}, rec.ID, "test")
	if err != nil || !strings.HasPrefix(content.Withheld, "forbidden fruit") || !strings.HasSuffix(content.Visible, h.refusal()) {
		t.Errorf("%+v %v", content, err)
	}
}

func (h *harness) refusal() string {
	s, _ := h.services.Service("demo")
	return s.RefusalEN
}

func TestABrokenStreamIsLabelled(t *testing.T) {
	h := setup(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `data: {"choices":[{"index":0,"delta":{"content":"part of an answer "}}]}`+"\n\n")
	}, func(s *service.Service) { s.Label = label.End })
	r := h.chat("hi", true)
	if s := r.stream(t); !label.HasExplicit(s.content) || s.failure != "upstream_truncated" {
		t.Errorf("%+v", s)
	}
	if rec := h.record(r); rec.Label != "text" || rec.Outcome != exchange.Truncated {
		t.Errorf("%+v", rec)
	}
}

func TestNamesThatAreNoNamesAreScreened(t *testing.T) {
	h := setup(t, says("ok"), nil)
	for _, body := range []string{
		`{"model":"m","messages":[{"role":"禁果出售","content":"x"}]}`,
		`{"model":"m","service_tier":"禁果出售","messages":[{"role":"user","content":"x"}]}`,
	} {
		if r := h.post("/v1/chat/completions", body); r.status == 200 && !strings.Contains(r.body, "content_filter") {
			t.Errorf("%s: %s", body, r.body)
		}
	}
	h = setup(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"id":"禁果出售","system_fingerprint":"forbidden fruit","choices":[{"index":0,"message":{"role":"assistant","content":"fine"},"finish_reason":"stop"}]}`)
	}, nil)
	if r := h.chat("hi", false); strings.Contains(r.body, "禁果出售") || strings.Contains(r.body, "forbidden") {
		t.Error(r.body)
	}
}

// TestAnswersInParts: a message in parts is read in one piece; what lies over their borders ends it.
func TestAnswersInParts(t *testing.T) {
	var parts atomic.Pointer[string]
	h := ruled(t, noRow, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"id":"c","object":"chat.completion","model":"real","choices":[{"index":0,"message":{"role":"assistant","content":%s},"finish_reason":"stop"}]}`, *parts.Load())
	}, nil)
	for text, verdict := range map[string]exchange.Verdict{
		`[{"type":"text","text":"这里有禁果"},{"type":"text","text":"出售"}]`:    exchange.Stop,
		`[{"type":"text","text":"这里有"},{"type":"text","text":"散步的人"}]`:    exchange.Allow,
		`[{"type":"text","text":"这里有禁"},{"type":"image"},{"text":"果出售"}]`: exchange.Stop,
	} {
		parts.Store(&text)
		r := h.chat("hi", false)
		if rec := h.record(r); rec.Verdict != verdict || (verdict == exchange.Stop) == strings.Contains(r.body, "这里有") {
			t.Errorf("%s: %s %s", text, rec.Verdict, r.body)
		}
	}
}
