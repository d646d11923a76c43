package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hegui/hegui/assessment"
	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/obligation"
)

// inProcess starts a demo server in this process and returns what drives it.
func inProcess(t testing.TB, change func(*configFile)) (*server, demoFile) {
	t.Helper()
	c := configFile{}
	var err error
	if c.Config, err = demoConfig(t.TempDir(), "", ""); err != nil {
		t.Fatal(err)
	}
	c.Listen = ListenConfig{"127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"}
	own := filepath.Join(t.TempDir(), "own.csv")
	if err := os.WriteFile(own, []byte("text,category,tier\n"+blockTerm+",A2a,block\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Lexicons = []LexiconConfig{{File: own, Category: "A2a", Tier: "block"}}
	if change != nil {
		change(&c)
	}
	o := out{io.Discard, t.Output()}
	sv, err := startServer(context.Background(), c, "all", o, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sv.stop(o); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	f, err := awaitDemo(c.Data, patience)
	if err != nil {
		t.Fatal(err)
	}
	return sv, f
}

// The whole way of an exchange, on both databases: answered, streamed, refused, and not answered before the agreement.
func TestExchanges(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testExchanges(t, func(*configFile) {}) })
	t.Run("postgres", func(t *testing.T) {
		dsn := testkit.PostgresDSN(t)
		testExchanges(t, func(c *configFile) { c.Database.DSN = dsn })
	})
}

func testExchanges(t *testing.T, change func(*configFile)) {
	sv, f := inProcess(t, change)

	resp := f.ask(t, f.User, "你好，请介绍一下你自己", false)
	body := read(t, resp)
	if resp.StatusCode != 200 || !strings.Contains(body, "人工智能") || resp.Header.Get("X-Hegui-Exchange") == "" {
		t.Errorf("plain: %d %s", resp.StatusCode, body)
	}
	r, event, err := sv.in.exchanges.Get(t.Context(), resp.Header.Get("X-Hegui-Exchange"))
	if err != nil || r.Outcome != exchange.Complete || r.Verdict != exchange.Allow || r.Label != "text" || r.Application != demoApp {
		t.Errorf("record %+v %v", r, err)
	}
	proof, err := sv.in.journal.Prove(t.Context(), event.Log, event.Seq)
	if err != nil || proof.Check(sv.in.keys.Verifier) != nil {
		t.Errorf("proof of the exchange: %v", err)
	}

	resp = f.ask(t, f.User, "Tell me about tea", true)
	stream := read(t, resp)
	if !strings.HasSuffix(strings.TrimSpace(stream), "data: [DONE]") || !strings.Contains(stream, "人工智能生成") {
		t.Errorf("stream: %s", stream)
	}

	resp = f.ask(t, f.User, "hello "+blockTerm, false)
	body = read(t, resp)
	if resp.StatusCode != 200 || !strings.Contains(body, `"content_filter"`) || !strings.Contains(body, "抱歉") && !strings.Contains(body, "Sorry") {
		t.Errorf("refusal: %d %s", resp.StatusCode, body)
	}

	// A new user is sent to the agreement, accepts it on the portal, and the same request passes.
	resp = f.ask(t, f.NewUser, "你好", false)
	body = read(t, resp)
	var refused struct {
		Error struct {
			Code  string
			Hegui struct{ Link string }
		}
	}
	if err := json.Unmarshal([]byte(body), &refused); err != nil || resp.StatusCode != 403 || refused.Error.Code != "agreement_required" {
		t.Fatalf("without acceptance: %d %s %v", resp.StatusCode, body, err)
	}
	link := refused.Error.Hegui.Link
	if !strings.HasPrefix(link, f.Portal+"/accept?t=") {
		t.Fatalf("link %q", link)
	}
	page, err := http.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	if text := read(t, page); page.StatusCode != 200 || !strings.Contains(text, "服务协议") {
		t.Errorf("agreement page: %d %s", page.StatusCode, text)
	}
	at, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := http.PostForm(f.Portal+"/accept", url.Values{"t": {at.Query().Get("t")}})
	if err != nil || accepted.StatusCode != 200 {
		t.Fatalf("accept: %v %v", accepted, err)
	}
	_ = accepted.Body.Close()
	if resp = f.ask(t, f.NewUser, "你好", false); resp.StatusCode != 200 {
		t.Errorf("after acceptance: %d %s", resp.StatusCode, read(t, resp))
	}

	report, err := sv.in.verify(t.Context(), nil)
	if err != nil || !report.Sound {
		t.Errorf("journal: %+v %v", report, err)
	}
}

// blockTerm is a made-up term of an own list that a hit of alone refuses.
const blockTerm = "阿吧阿吧零号"

// Faces answer for their health, and the one-time link opens the console once.
func TestFaces(t *testing.T) {
	sv, f := inProcess(t, nil)
	for _, base := range []string{f.Gateway, f.Console, f.Portal} {
		for _, path := range []string{"/healthz", "/readyz"} {
			if resp, err := http.Get(base + path); err != nil || resp.StatusCode != 200 {
				t.Errorf("%s%s: %v %v", base, path, resp, err)
			} else {
				_ = resp.Body.Close()
			}
		}
	}
	for base, want := range map[string]int{f.Console: 200, f.Gateway: 404, f.Portal: 404} {
		resp, err := http.Get(base + "/metrics")
		if err != nil || resp.StatusCode != want {
			t.Errorf("%s/metrics: %v %v, want %d", base, resp, err, want)
			continue
		}
		if text := read(t, resp); want == 200 && !strings.Contains(text, "go_goroutines") {
			t.Errorf("metrics: %.200s", text)
		}
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	link, err := url.Parse(f.ConsoleLogin)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	resp, err := client.PostForm(f.Console+"/link", url.Values{"t": {link.Query().Get("t")}})
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp, err = client.Get(f.Console + "/obligations"); err != nil || resp.StatusCode != 200 || resp.Request.URL.Path != "/obligations" {
		t.Errorf("console after the link: %v %v", resp, err)
	}
	_ = resp.Body.Close()
	secret, err := sv.tryKey(t.Context(), demoService)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := sv.tryKey(t.Context(), demoService); err != nil || again != secret {
		t.Errorf("a second key for the same page: %v", err)
	}
	sv.ready.Store(false)
	if resp, err := http.Get(f.Gateway + "/readyz"); err != nil || resp.StatusCode != 503 {
		t.Errorf("readyz while stopping: %v %v", resp, err)
	}
}

// The background leaves its evidence: the first self-tests soon after the start, findings, what is in force.
func TestJobs(t *testing.T) {
	sv, _ := inProcess(t, nil)
	count := func(verb journal.Verb) int64 {
		n, err := sv.in.journal.Count(t.Context(), journal.Filter{Verbs: []journal.Verb{verb}})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for end := time.Now().Add(time.Minute); count(journal.ProbeRan) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no self-test ran")
		}
	}
	sv.takeFindings(t.Context())
	sv.checkpoint(t.Context())
	sv.purge(t.Context())
	for verb, want := range map[journal.Verb]int{journal.ServerStarted: 1, journal.LexiconInForce: 1, journal.FindingsTaken: 1, journal.KeyIssued: 1,
		journal.UserAccepted: 2} { // demo-user, and the owner who tries the service in the console
		if got := int(count(verb)); got != want {
			t.Errorf("%d events %s, want %d", got, verb, want)
		}
	}
	events, err := sv.in.journal.Events(t.Context(), journal.Filter{Verbs: []journal.Verb{journal.ProbeRan}, Limit: 1})
	if err != nil || len(events) != 1 {
		t.Fatal(events, err)
	}
	var probe struct {
		Results []struct {
			Guard string
			OK    bool
			Saw   string
		}
	}
	if err := json.Unmarshal(events[0].Body, &probe); err != nil || len(probe.Results) < 6 {
		t.Fatalf("probe %s %v", events[0].Body, err)
	}
	for _, r := range probe.Results {
		if !r.OK {
			t.Errorf("self-test of %s failed: %s", r.Guard, r.Saw)
		}
	}
	results := sv.findings(t.Context())
	if len(results) != 83 {
		t.Errorf("%d duties, want 83", len(results))
	}
	for _, r := range results {
		if r.Finding.Status == obligation.Met && (len(r.Finding.Facts) == 0 || len(r.Finding.Refs) == 0) {
			t.Errorf("%s is met without facts and references", r.Duty.ID)
		}
		facts := r.Finding.Facts
		switch r.Duty.ID {
		case "P4-01", "P4-02":
			if facts["policy"] != sv.policy.Load().Hash() || facts["lexicon"] != sv.lexicon.Load().Hash() || len(facts["policy_lets_through"].([]string)) > 0 {
				t.Errorf("%s: %v", r.Duty.ID, facts)
			}
		case "P4-08":
			if facts["bank_questions"] != len(assessment.MustAnswer()) || facts["bank_refusal_rate"].(float64) > measures.OverBlockLimit {
				t.Errorf("%s: %v", r.Duty.ID, facts)
			}
		}
	}
	if err := sv.loadLexicon(t.Context()); err != nil {
		t.Fatal(err)
	}
	if count(journal.LexiconInForce) != 1 {
		t.Error("the same lexicon again was news")
	}
}

// A word list is read again on SIGHUP, and one that does not load leaves the earlier one in force.
func TestReload(t *testing.T) {
	list := t.TempDir() + "/own.csv"
	write := func(text string) {
		if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("text,category,tier\n阿吧阿吧一号,A2a,block\n")
	sv, f := inProcess(t, func(c *configFile) { c.Lexicons = []LexiconConfig{{File: list, Category: "A2a", Tier: "block"}} })
	refused := func(text string) bool {
		return strings.Contains(read(t, f.ask(t, f.User, text, false)), `"content_filter"`)
	}
	if !refused("阿吧阿吧一号") || refused("阿吧阿吧二号") {
		t.Error("the operator's own list is not in force")
	}
	write("text,category,tier\n阿吧阿吧二号,A2a,block\n")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); !refused("阿吧阿吧二号"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not reloaded")
		}
	}
	before := sv.lexicon.Load()
	write("text,category,tier\n三号,A2a,nonsense\n")
	if err := sv.loadLexicon(t.Context()); err == nil || sv.lexicon.Load() != before {
		t.Errorf("a broken list: %v", err)
	}
}

// SIGTERM in the middle of a stream: the stream ends whole, the process exits 0, the journal is sound and signed.
func TestTermDrains(t *testing.T) {
	dir := t.TempDir()
	p := startProcess(t, dir)
	resp := p.demo.ask(t, p.demo.User, "请写一段关于茶的介绍", true)
	lines := bufio.NewReader(resp.Body)
	for range 3 {
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) { // until the process has seen the signal
		late, err := p.demo.try(t.Context(), p.demo.User, "late", false)
		if err != nil { // it is gone already
			break
		}
		_ = late.Body.Close()
		if late.StatusCode == http.StatusServiceUnavailable && late.Header.Get("Retry-After") != "" {
			break
		}
		if late.StatusCode != http.StatusOK || time.Now().After(end) {
			t.Errorf("a request while draining: %d", late.StatusCode)
			break
		}
	}
	rest, err := io.ReadAll(lines)
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(rest)), "data: [DONE]") || !strings.Contains(string(rest), "人工智能") {
		t.Errorf("the stream was cut: %v …%s", err, tail(string(rest), 400))
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("exit: %v\n%s", err, p.stderr)
	}
	in := reopen(t, dir)
	if r, _, err := in.exchanges.Get(t.Context(), resp.Header.Get("X-Hegui-Exchange")); err != nil || r.Outcome != exchange.Complete {
		t.Errorf("record %+v %v", r, err)
	}
	heads, err := in.journal.Heads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	signed, err := in.journal.Checkpoints(t.Context(), in.journal.Origin(), 1)
	if err != nil || len(signed) != 1 || signed[0].Size != heads[0].Size {
		t.Errorf("the last checkpoint %+v does not cover the tree %+v: %v", signed, heads, err)
	}
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

func reopen(t testing.TB, dir string) *installation {
	t.Helper()
	in, err := where{Data: dir}.openExisting(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.close() })
	return in
}

// kill -9 under load: what a client was told stands in the journal, which verifies; what was under way is closed as broken.
func TestKillLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	p := startProcess(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	var acknowledged, begun []string
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for ctx.Err() == nil {
				resp, err := p.demo.try(ctx, p.demo.User, fmt.Sprintf("question %d", i), i%2 == 0)
				if err != nil {
					return
				}
				id := resp.Header.Get("X-Hegui-Exchange")
				mu.Lock()
				begun = append(begun, id)
				mu.Unlock()
				b, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err == nil && resp.StatusCode == 200 && (i%2 == 1 || strings.Contains(string(b), "[DONE]")) {
					mu.Lock()
					acknowledged = append(acknowledged, id)
					mu.Unlock()
				}
			}
		})
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		mu.Lock()
		n := len(acknowledged)
		mu.Unlock()
		if n >= 40 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("only %d answers", n)
		}
	}
	if err := p.signal(t, syscall.SIGKILL); err == nil {
		t.Error("killed, and ended well")
	}
	cancel()
	wg.Wait()

	p2 := startProcess(t, dir) // recovers
	if p2.demo.Key != p.demo.Key {
		t.Error("the demo's key did not survive")
	}
	in := reopen(t, dir)
	broken := 0
	for _, id := range begun {
		r, _, err := in.exchanges.Get(t.Context(), id)
		if err != nil {
			t.Errorf("exchange %s, of which bytes were delivered, is missing: %v", id, err)
		} else if r.Outcome == exchange.Broken {
			broken++
		}
	}
	for _, id := range acknowledged {
		if r, _, err := in.exchanges.Get(t.Context(), id); err != nil || r.Outcome != exchange.Complete {
			t.Errorf("acknowledged exchange %s: %+v %v", id, r.Outcome, err)
		}
	}
	report, err := in.verify(t.Context(), nil)
	if err != nil || !report.Sound {
		t.Errorf("journal after kill -9: %+v %v", report, err)
	}
	t.Logf("%d acknowledged, %d begun, %d broken, %d events", len(acknowledged), len(begun), broken, report.Events)
}

func TestRoles(t *testing.T) {
	dsn := testkit.PostgresDSN(t)
	data := t.TempDir()
	c := configFile{}
	var err error
	if c.Config, err = demoConfig(data, "", ""); err != nil {
		t.Fatal(err)
	}
	c.Database.DSN = dsn
	c.Listen = ListenConfig{"127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"}
	for _, role := range []string{"gateway", "console", "portal", "worker"} {
		sv, err := startServer(t.Context(), c, role, out{io.Discard, t.Output()}, time.Now())
		if err != nil {
			t.Fatalf("%s: %v", role, err)
		}
		t.Cleanup(func() {
			if err := sv.stop(out{io.Discard, t.Output()}); err != nil {
				t.Errorf("stop %s: %v", role, err)
			}
		})
		for name, f := range sv.faces {
			if (f.listener != nil) != (name == role) {
				t.Errorf("role %s: face %s listens: %v", role, name, f.listener != nil)
			}
		}
	}
	if _, err := startServer(t.Context(), c, "gateway", out{io.Discard, t.Output()}, time.Now()); err == nil || !strings.Contains(err.Error(), "another hegui serves the gateway") {
		t.Errorf("a second gateway on the same data: %v", err)
	}
}

// BenchmarkColdStart measures from exec to the first answered request, on an empty data directory.
func BenchmarkColdStart(b *testing.B) {
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		dir := b.TempDir()
		p := &process{cmd: exec.Command(exe, "serve", "--demo", "--data", dir, "--gateway-listen", "127.0.0.1:0", "--console-listen", "127.0.0.1:0", "--portal-listen", "127.0.0.1:0")}
		p.cmd.Env = append(os.Environ(), asHegui+"=1")
		if err := p.cmd.Start(); err != nil {
			b.Fatal(err)
		}
		f, err := awaitDemo(dir, patience)
		if err != nil {
			b.Fatal(err)
		}
		if resp := f.ask(b, f.User, "hello", true); resp.StatusCode != 200 {
			b.Fatal(resp.Status)
		} else if _, err := resp.Body.Read(make([]byte, 1)); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		b.StartTimer()
	}
}

// Whatever is damaged, verify says so and names it, also when the journal would not open for writing any more.
func TestVerifyNamesAnyDamage(t *testing.T) {
	for name, damage := range map[string]string{
		"event":  `UPDATE journal_event SET leaf = CAST('{}' AS BLOB) WHERE seq = 3`,
		"hashes": `DELETE FROM journal_hash`,
		"verb":   `UPDATE journal_event SET verb = 'user.lifted' WHERE seq = 2`,
		"row":    `UPDATE exchange SET verdict = 'refuse' WHERE verdict = 'allow'`,
		"key":    `UPDATE subject_key SET wrapped = CAST('x' AS BLOB) WHERE subject = (SELECT subject FROM subject_key ORDER BY rowid DESC LIMIT 1)`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p := startProcess(t, dir)
			if resp := p.demo.ask(t, p.demo.User, "hello", false); resp.StatusCode != 200 {
				t.Fatal(resp.Status)
			}
			if err := p.signal(t, syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			var stdout, stderr strings.Builder
			if code := run(t.Context(), []string{"journal", "verify", "--data", dir}, &stdout, &stderr); code != exitOK {
				t.Fatalf("before: exit %d\n%s%s", code, &stdout, &stderr)
			}
			db, err := store.Open(t.Context(), "sqlite:"+dir+"/hegui.db")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.W.ExecContext(t.Context(), damage); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			stdout.Reset()
			if code := run(t.Context(), []string{"journal", "verify", "--data", dir}, &stdout, &stderr); code != exitFinding || !strings.Contains(stdout.String(), "DAMAGED") {
				t.Errorf("exit %d\n%s%s", code, &stdout, &stderr)
			}
		})
	}
}
