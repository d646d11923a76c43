package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hegui/hegui/content"
	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/media"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/screening"
	"github.com/hegui/hegui/service"
	"github.com/hegui/hegui/upstream"
	"github.com/hegui/hegui/users"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// bench is a whole gateway over a real store, with an upstream of the test's own.
type harness struct {
	t         testing.TB
	url       string
	key       string
	db        *store.DB
	journal   *journal.Journal
	exchanges *exchange.Store
	contents  *content.Ledger
	services  *service.Register
	users     *users.Register
	gateway   *Gateway
	text      string // agreement in force
	seen      chan []byte
}

// banned are the block-tier entries of the tests; nothing real.
var banned = []moderation.Entry{
	{ID: "b1", Text: "forbidden fruit", Category: "A1h", Tier: moderation.Block, Source: "test"},
	{ID: "b2", Text: "禁果出售", Category: "A1h", Tier: moderation.Block, Source: "test"},
	{ID: "b3", Text: "禁果", Category: "A1f", Tier: moderation.Signal, Source: "test"},
}

// setup starts a gateway whose model is answer; change may alter the service before it is put in force.
func setup(t testing.TB, answer http.HandlerFunc, change func(*service.Service)) *harness {
	t.Helper()
	return setupOn(t, testkit.SQLite(t), answer, change)
}

// setupOn is setup on a database of the test's own.
func setupOn(t testing.TB, db *store.DB, answer http.HandlerFunc, change func(*service.Service)) *harness {
	t.Helper()
	ctx := context.Background()
	h := &harness{t: t, db: db, seen: make(chan []byte, 64)}
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		select {
		case h.seen <- body:
		default:
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		answer(w, r)
	}))
	t.Cleanup(model.Close)
	var keys journal.Keys
	h.journal, keys = testkit.Journal(t, h.db)
	vault, err := journal.OpenVault(ctx, h.db, h.journal, keys.Master)
	must(t, err)
	h.exchanges, err = exchange.Open(ctx, h.db, h.journal, vault)
	must(t, err)
	h.services, err = service.Open(ctx, h.db, h.journal)
	must(t, err)
	h.users, err = users.Open(ctx, h.db, h.journal, users.WithTicketSecret(keys.Ticket), users.WithDestroy(vault.Destroy))
	must(t, err)
	svc := service.Defaults("demo")
	svc.NameZH, svc.NameEN, svc.Agreement = "演示", "Demo", "1"
	svc.Label = label.Start
	d := service.Disclosure{PeopleZH: "人", PeopleEN: "p", OccasionsZH: "场", OccasionsEN: "o", PurposesZH: "用", PurposesEN: "u", LimitsZH: "限", LimitsEN: "l", OutlineZH: "概", OutlineEN: "o", PersonalZH: "信", PersonalEN: "i"}
	svc.Disclosure = d
	svc.Models = []service.Route{{Name: "m", Model: "m1", Targets: []upstream.Target{{Endpoint: "local", Model: "real-name"}}}}
	if change != nil {
		change(&svc)
	}
	who := journal.Actor{Kind: "system", ID: "test"}
	must(t, h.services.Declare(ctx, who, service.Declaration{
		Provider: service.Provider{NameZH: "示例公司", NameEN: "Sample Co.", USCC: sampleUSCC(t)}, Services: []service.Service{svc},
		Models:    []service.Model{{ID: "m1", NameZH: "模型", NameEN: "Model", Vendor: "v", Region: "CN"}},
		Texts:     []service.Text{{Service: "demo", Kind: "agreement", Number: "1", ZH: "# 协议", EN: "# Agreement"}},
		Endpoints: []string{"local"}}))
	inForce, _ := h.services.Service("demo")
	h.text = inForce.Agreement
	_, h.key, err = h.services.IssueKey(ctx, who, service.Key{Service: "demo", Application: "app"})
	must(t, err)
	if h.text != "" {
		h.accept("alice")
	}
	pool, err := upstream.New([]upstream.Endpoint{{Name: "local", BaseURL: model.URL + "/v1", FirstByte: 2 * time.Second, Idle: 2 * time.Second}}, func(string, bool, string) {})
	must(t, err)
	lexicon, err := moderation.Compile(banned)
	must(t, err)
	rules, err := moderation.DefaultPolicy()
	must(t, err)
	h.contents, err = content.Open(ctx, h.db, h.journal, keys.Ticket)
	must(t, err)
	reader := media.NewReader(pdfCache(t))
	t.Cleanup(func() { must(t, reader.Close()) })
	h.gateway, err = New(Options{Media: reader, Contents: h.contents, Journal: h.journal, Vault: vault, Exchanges: h.exchanges, Services: h.services, Users: h.users, Pool: pool,
		Lexicon: func() *moderation.Lexicon { return lexicon }, Policy: func() *moderation.Policy { return rules }, PortalURL: func() string { return "http://portal" },
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	must(t, err)
	h.gateway.o.Screenings, err = screening.New(ctx, h.db, h.journal)
	must(t, err)
	h.reopen()
	return h
}

// reopen serves the gateway anew, with what was added to its options.
func (h *harness) reopen() {
	server := httptest.NewServer(h.gateway.Handler())
	h.t.Cleanup(server.Close)
	h.url = server.URL
}

// pdfCache keeps what PDFium compiles to from run to run.
func pdfCache(t testing.TB) string {
	t.Helper()
	dir, err := os.UserCacheDir()
	must(t, err)
	return filepath.Join(dir, "hegui-pdfium")
}

// dir is where the database lies.
func (h *harness) dir() string {
	var at []struct{ Seq, Name, File string }
	rows, err := h.db.R.Query(`PRAGMA database_list`)
	must(h.t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var r struct{ Seq, Name, File string }
		must(h.t, rows.Scan(&r.Seq, &r.Name, &r.File))
		at = append(at, r)
	}
	return filepath.Dir(at[0].File)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sampleUSCC(t testing.TB) string {
	for _, c := range "0123456789ABCDEFGHJKLMNPQRTUWXY" {
		if code := "91110000EXAMPLE00" + string(c); label.CheckUSCC(code) == nil {
			return code
		}
	}
	t.Fatal("no check character fits")
	return ""
}

func (h *harness) accept(name string) {
	h.t.Helper()
	u, err := h.users.Find(context.Background(), "demo", name)
	must(h.t, err)
	must(h.t, h.users.Accept(context.Background(), journal.Actor{Kind: "user", ID: u.Subject}, u.Subject, users.Acceptance{Text: h.text, Channel: "api", Address: "127.0.0.1"}))
}

// reply is what a client got.
type reply struct {
	status int
	header http.Header
	body   string
}

func (h *harness) post(path, body string, headers ...string) reply {
	h.t.Helper()
	r, err := http.NewRequest(http.MethodPost, h.url+path, strings.NewReader(body))
	must(h.t, err)
	r.Header.Set("Authorization", "Bearer "+h.key)
	r.Header.Set("X-Hegui-User", "alice")
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		} else {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	resp, err := http.DefaultClient.Do(r)
	must(h.t, err)
	defer func() { _ = resp.Body.Close() }()
	b, _ := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(b)}
}

func (h *harness) chat(text string, stream bool, headers ...string) reply {
	h.t.Helper()
	q, _ := json.Marshal(text)
	return h.post("/v1/chat/completions", fmt.Sprintf(`{"model":"m","stream":%t,"messages":[{"role":"user","content":%s}]}`, stream, q), headers...)
}

func (r reply) code() string {
	var e struct{ Error struct{ Code string } }
	_ = json.Unmarshal([]byte(r.body), &e)
	return e.Error.Code
}

// content of the first choice of a plain answer.
func (r reply) content() string { return answerText(r.body) }

// streamed is a stream as a standard client puts it together.
type streamed struct {
	content, reasoning, arguments, finish string
	done                                  bool
	failure                               string
	chunks                                int
}

func (r reply) stream(t testing.TB) streamed {
	t.Helper()
	var s streamed
	lines := bufio.NewScanner(strings.NewReader(r.body))
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		if data == "[DONE]" {
			s.done = true
			continue
		}
		var c struct {
			Choices []struct {
				Index int
				Delta struct {
					Content   string
					Reasoning string                                          `json:"reasoning_content"`
					ToolCalls []struct{ Function struct{ Arguments string } } `json:"tool_calls"`
				}
				Finish *string `json:"finish_reason"`
			}
			Error *struct{ Code string }
		}
		if err := json.Unmarshal([]byte(data), &c); err != nil {
			t.Fatalf("chunk %q: %v", data, err)
		}
		s.chunks++
		if c.Error != nil {
			s.failure = c.Error.Code
		}
		for _, choice := range c.Choices {
			s.content += choice.Delta.Content
			s.reasoning += choice.Delta.Reasoning
			for _, call := range choice.Delta.ToolCalls {
				s.arguments += call.Function.Arguments
			}
			if choice.Finish != nil {
				s.finish = *choice.Finish
			}
		}
	}
	return s
}

func (h *harness) record(r reply) exchange.Record {
	h.t.Helper()
	rec, _, err := h.exchanges.Get(context.Background(), r.header.Get("X-Hegui-Exchange"))
	if err != nil {
		h.t.Fatalf("record of %q: %v", r.header.Get("X-Hegui-Exchange"), err)
	}
	return rec
}

// says is a model that answers with a fixed text, whole or in the given pieces.
func says(pieces ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), `"stream":true`) {
			q, _ := json.Marshal(strings.Join(pieces, ""))
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"id":"c1","object":"chat.completion","created":1,"model":"real","choices":[{"index":0,"message":{"role":"assistant","content":%s},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3},"system_fingerprint":"fp"}`, q)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprint(w, `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"real","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}`+"\n\n")
		for _, p := range pieces {
			q, _ := json.Marshal(p)
			_, _ = fmt.Fprintf(w, `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"real","choices":[{"index":0,"delta":{"content":%s},"finish_reason":null}]}`+"\n\n", q)
			w.(http.Flusher).Flush()
		}
		_, _ = fmt.Fprint(w, `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"real","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`+"\n\ndata: [DONE]\n\n")
	}
}
