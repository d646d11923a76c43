package console

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/obligation"
	"github.com/hegui/hegui/operator"
)

// TestEveryRouteAsksForItsCapability walks the table with every role, and with nobody.
func TestEveryRouteAsksForItsCapability(t *testing.T) {
	d := newDesk(t)
	ids := d.seed(1)
	people := map[string]*person{"": d.person()}
	for _, r := range operator.Roles {
		people[r.ID] = d.as(r.ID)
	}
	for _, rt := range routes {
		if rt.path == "/logout" || rt.path == "/login" {
			continue // would end the session that the walk needs; TestLogin covers them
		}
		path := strings.ReplaceAll(rt.path, "{$}", "")
		path = strings.ReplaceAll(path, "{id}", ids[0])
		for role, p := range people {
			noFollow := *p.http
			noFollow.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			req, err := http.NewRequest(rt.method, p.url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := noFollow.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			toLogin := res.StatusCode == http.StatusUnauthorized || (res.StatusCode == http.StatusSeeOther && strings.HasPrefix(res.Header.Get("Location"), "/login"))
			may := rt.need == public || (role != "" && (rt.need == anyStaff || (operator.Staff{Role: role}).Can(rt.need)))
			switch {
			case role == "" && rt.need != public && !toLogin:
				t.Errorf("%s %s by nobody: %d %s", rt.method, path, res.StatusCode, res.Header.Get("Location"))
			case role != "" && !may && res.StatusCode != http.StatusForbidden:
				t.Errorf("%s %s by %s: %d, want 403", rt.method, path, role, res.StatusCode)
			case may && (res.StatusCode == http.StatusForbidden || toLogin || res.StatusCode >= 500):
				t.Errorf("%s %s by %s: %d, want it let through", rt.method, path, role, res.StatusCode)
			}
		}
	}
}

// TestRoutesNeedSomething: a route without a need must be one that has to be public.
func TestRoutesNeedSomething(t *testing.T) {
	for _, rt := range routes {
		if rt.need == public && !slices.Contains([]string{"/login", "/link", "/healthz", "/api/openapi.json"}, rt.path) {
			t.Errorf("%s %s is open to anybody", rt.method, rt.path)
		}
		if rt.need != public && rt.need != anyStaff && !slices.Contains(operator.Capabilities[:], rt.need) {
			t.Errorf("%s %s needs %q, which nobody can have", rt.method, rt.path, rt.need)
		}
	}
}

func TestLogin(t *testing.T) {
	d := newDesk(t)
	p := d.person()
	wants(t, p.get("/exchanges?verdict=stop&lang=en", 200), "Log in to the console", `value="/exchanges?verdict=stop&amp;lang=en"`)
	wants(t, p.post("/login", 401, "login", "wang", "password", "wrong"), "Login or password is wrong", `value="wang"`)
	wants(t, p.post("/login", 200, "login", "wang", "password", password, "next", "/exchanges?verdict=stop"), "Exchanges", "No exchange matches")
	for _, next := range []string{"//evil.example", "https://evil.example/", `/\evil.example`, "javascript:alert(1)"} {
		if got := localPath(next); got != "/" {
			t.Errorf("next %q leads to %q", next, got)
		}
	}
	wants(t, p.post("/logout", 200), "You are logged out", "Log in to the console")
	wants(t, p.get("/", 200), "Log in to the console")
	for range operator.FailLogin {
		p.post("/login", 401, "login", "wang", "password", "wrong")
	}
	wants(t, p.post("/login", 429, "login", "wang", "password", password), "Too many failed log-ins")
}

func TestOneTimeLink(t *testing.T) {
	d := newDesk(t)
	ctx := context.Background()
	s, err := d.staff.Add(ctx, root, operator.Staff{Login: "chen", Name: "陈晨", Role: "moderator"})
	if err != nil {
		t.Fatal(err)
	}
	token, err := d.staff.Link(ctx, root, s.ID)
	if err != nil {
		t.Fatal(err)
	}
	p := d.person()
	wants(t, p.get("/link?t="+token, 200), "陈晨，您好", "chen")
	wants(t, p.post("/link", 400, "t", token, "password", "short", "again", "short"), "密码太短")
	wants(t, p.post("/link", 400, "t", token, "password", password, "again", "other"), "两次输入的密码不一致")
	wants(t, p.post("/link", 200, "t", token, "password", password, "again", password), "密码已设置", "今日")
	wants(t, d.person().get("/link?t="+token, 410), "此链接已使用")
	wants(t, d.person().post("/link", 410, "t", "forged"), "此链接已使用")
	q := d.person()
	wants(t, q.post("/login", 200, "login", "chen", "password", password), "今日")
	// The new password ends the other session, and needs the present one.
	wants(t, q.post("/settings/me", 400, "old", "wrong", "password", password+"2", "again", password+"2"), "现在的密码不正确")
	wants(t, q.post("/settings/me", 200, "old", password, "password", password+"2", "again", password+"2"), "密码已设置")
	wants(t, p.get("/", 200), "登录控制台")
	wants(t, q.get("/", 200), "今日")
}

func TestTodayIsEmptyThenFull(t *testing.T) {
	d := newDesk(t)
	p := d.in()
	page := p.get("/", 200)
	wants(t, page, "最近 24 小时没有交互", "没有词库在生效", "已熔断", "connection refused", "违反", "还没有签名的检查点")
	d.seed(24)
	page = p.get("/?lang=en", 200)
	wants(t, page, "Exchanges per hour by verdict", "24 in all", "4 refused", "4 stopped", "100 % of generated answers", "breaker open")
	// Each pressing duty on the page is one of the register's.
	pressing := 0
	for _, r := range results() {
		if r.Finding.Status == obligation.Breach || r.Finding.Status == obligation.Short || r.Finding.Status == obligation.Unknown {
			pressing++
		}
	}
	wants(t, page, fmt.Sprintf("%d need somebody to act", pressing))
}

func TestExchangesListCountAndExportAgree(t *testing.T) {
	d := newDesk(t)
	ids := d.seed(70)
	p := d.in()
	for _, query := range []string{"", "verdict=refuse", "verdict=stop&outcome=complete", "category=mobile", "category=A2c", "label=none", "service=writer&model=sample-chat", "verdict=guide",
		"from=2020-01-01&to=2020-01-02", "from=2020-01-01"} {
		var api struct {
			Count     int64
			Exchanges []exchange.Record
		}
		if err := json.Unmarshal([]byte(p.get("/api/v1/exchanges?limit=500&"+query, 200)), &api); err != nil {
			t.Fatal(err)
		}
		if int64(len(api.Exchanges)) != api.Count {
			t.Errorf("%q: count %d, list %d", query, api.Count, len(api.Exchanges))
		}
		lines := strings.Count(p.get("/exchanges/export?format=jsonl&"+query, 200), "\n")
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(p.get("/exchanges/export?format=csv&"+query, 200), "\uFEFF"))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if int64(lines) != api.Count || int64(len(rows)-1) != api.Count {
			t.Errorf("%q: count %d, JSON lines %d, CSV %d", query, api.Count, lines, len(rows)-1)
		}
		// The pages, followed to the end, show each of them once.
		shown := map[string]bool{}
		path := "/exchanges?lang=en&" + query
		first := p.get(path, 200)
		wants(t, first, fmt.Sprintf("%d ", api.Count))
		for page := first; ; {
			for _, m := range regexp.MustCompile(`href="/exchanges/([0-9A-Z]{26})"`).FindAllStringSubmatch(page, -1) {
				shown[m[1]] = true
			}
			next := regexp.MustCompile(`href="([^"]+)" rel="next"`).FindStringSubmatch(page)
			if next == nil {
				break
			}
			page = p.get(strings.ReplaceAll(next[1], "&amp;", "&"), 200)
		}
		if int64(len(shown)) != api.Count {
			t.Errorf("%q: count %d, pages show %d", query, api.Count, len(shown))
		}
	}
	var one struct{ Exchange exchange.Record }
	if err := json.Unmarshal([]byte(p.get("/api/v1/exchanges/"+ids[0], 200)), &one); err != nil || one.Exchange.ID != ids[0] {
		t.Errorf("one: %v %+v", err, one)
	}
	for _, bad := range []string{"verdict=nonsense", "outcome=x", "label=x", "from=yesterday", "from=2026-01-02&to=2026-01-01", "limit=0"} {
		wants(t, p.get("/exchanges?"+bad+"&lang=zh", 400), "填写有误")
		if body := p.get("/api/v1/exchanges?"+bad, 400); !strings.Contains(body, `"field"`) {
			t.Errorf("%s: %s", bad, body)
		}
	}
	p.get("/exchanges/01JDB0000000000000000000ZZ", 404)
}

func TestExchangesOfANamedUser(t *testing.T) {
	d := newDesk(t)
	d.seed(9)
	p := d.in()
	u, err := d.users.Lookup(t.Context(), "writer", "li-si")
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"user=li-si", "user=li-si&service=writer", "user=" + u.Subject} {
		wants(t, p.get("/exchanges?lang=en&"+query, 200), "3 match", "li-si")
		wants(t, p.get("/api/v1/exchanges?"+query, 200), `"count": 3`)
		if n := strings.Count(p.get("/exchanges/export?format=jsonl&"+query, 200), "\n"); n != 3 {
			t.Errorf("%s: %d lines", query, n)
		}
	}
	wants(t, p.get("/exchanges?lang=zh&user=nobody", 200), "没有名称或代号为“nobody”的使用者", `value="nobody"`)
	wants(t, p.get("/api/v1/exchanges?user=nobody", 200), `"count": 0`)
	if n := len(p.get("/exchanges/export?format=jsonl&user=nobody", 200)); n != 0 {
		t.Errorf("%d bytes of nobody", n)
	}
	// The same name in another service is another person.
	second := declaration()
	other := second.Services[0]
	other.ID = "second"
	second.Services = append(second.Services, other)
	text := second.Texts[0]
	text.Service = other.ID
	second.Texts = append(second.Texts, text)
	if err := d.services.Declare(t.Context(), root, second); err != nil {
		t.Fatal(err)
	}
	if _, err := d.users.Find(t.Context(), "second", "li-si"); err != nil {
		t.Fatal(err)
	}
	wants(t, p.get("/exchanges?lang=en&user=li-si", 200), "More than one service has a user named")
	wants(t, p.get("/exchanges?lang=en&user=li-si&service=writer", 200), "3 match")
	wants(t, p.get("/exchanges?lang=en&user=li-si&service=second", 200), "No exchange matches")
}

func TestContentOpensForAReasonAndIsRecorded(t *testing.T) {
	d := newDesk(t)
	ids := d.seed(6)
	p := d.in()
	page := p.get("/exchanges/"+ids[5]+"?lang=zh", 200)
	wants(t, page, "内容默认不显示", "没有人打开过", "证明已用公钥核验", "写入正文", "ProduceID")
	if strings.Contains(page, "诚邀您出席") {
		t.Fatal("content is shown without a reason")
	}
	wants(t, p.post("/exchanges/"+ids[5]+"/content", 400, "reason", "  "), "请写明打开内容的理由")
	page = p.post("/exchanges/"+ids[5]+"/content", 200, "reason", "投诉 C-17 核对原文")
	wants(t, page, "诚邀您出席", "请帮我写一封邀请信", "本次查看已记入日志账本", "投诉 C-17 核对原文", "王丽")
	wants(t, p.get("/exchanges/"+ids[5], 200), "投诉 C-17 核对原文", "内容默认不显示")
	events, err := d.j.Events(t.Context(), journal.Filter{Verbs: []journal.Verb{journal.ContentRead}})
	if err != nil || len(events) != 1 || events[0].Who.ID != d.owner.ID {
		t.Fatalf("%v %v", events, err)
	}
	// An engineer sees the page and not the content.
	e := d.as("engineer")
	wants(t, e.get("/exchanges/"+ids[5], 200), "您的角色不能查看内容")
	e.post("/exchanges/"+ids[5]+"/content", 403, "reason", "curious")
	e.send("/api/v1/exchanges/"+ids[5]+"/content", 403, `{"reason":"curious"}`)
	// By API, the same rule.
	p.send("/api/v1/exchanges/"+ids[5]+"/content", 400, `{"reason":""}`)
	p.send("/api/v1/exchanges/"+ids[5]+"/content", 400, `{"reason":"x","extra":1}`)
	wants(t, p.send("/api/v1/exchanges/"+ids[5]+"/content", 200, `{"reason":"check"}`), "诚邀您出席")
	// What was withheld is told apart from what was seen.
	wants(t, p.post("/exchanges/"+ids[0]+"/content", 200, "reason", "x"), "已生成但未显示", "被截下的部分")
	// Erased content says so.
	r, _, err := d.exchanges.Get(t.Context(), ids[5])
	if err != nil {
		t.Fatal(err)
	}
	if err := d.users.Erase(t.Context(), root, r.User, "request 9"); err != nil {
		t.Fatal(err)
	}
	wants(t, p.get("/exchanges/"+ids[5], 200), "密钥已销毁", "证明已用公钥核验")
	wants(t, p.post("/exchanges/"+ids[5]+"/content", 200, "reason", "x"), "密钥已销毁")
	p.send("/api/v1/exchanges/"+ids[5]+"/content", 410, `{"reason":"check"}`)
}

func TestObligations(t *testing.T) {
	d := newDesk(t)
	p := d.in()
	page := p.get("/obligations?lang=en", 200)
	all := results()
	counts := map[obligation.Status]int{}
	for _, r := range all {
		counts[r.Finding.Status]++
		if !strings.Contains(page, `id="`+r.Duty.ID+`"`) {
			t.Errorf("duty %s is not on the page", r.Duty.ID)
		}
	}
	if n := strings.Count(page, `<details class="duty`); n != len(measures.Duties()) {
		t.Errorf("%d rows, want %d", n, len(measures.Duties()))
	}
	wants(t, page, "Article 12", "What the check looked at", `href="/evidence/event?log=hegui%2Ftest%2Fnode&amp;seq=1"`, `href="/evidence?verb=probe.ran"`, `href="/evidence?verb=exchange.closed&amp;from=2026-11-22T00%3A00%3A00Z&amp;to=2026-11-23T00%3A00%3A00Z"`, `href="/exchanges/01JDB0000000000000000000TR"`, "metric and details: hegui&#39;s default, not quoted law")
	for status, n := range counts {
		filtered := p.get("/obligations?lang=en&status="+string(status), 200)
		if rows := strings.Count(filtered, `<details class="duty`); rows != n {
			t.Errorf("%s: %d rows, want %d", status, rows, n)
		}
		lines, err := csv.NewReader(strings.NewReader(p.get("/obligations/export?format=csv&status="+string(status), 200))).ReadAll()
		if err != nil || len(lines) != n+1 {
			t.Errorf("%s: %d lines, %v", status, len(lines), err)
		}
		var api struct{ Total, Count int }
		if err := json.Unmarshal([]byte(p.get("/api/v1/obligations?status="+string(status), 200)), &api); err != nil || api.Count != n || api.Total != len(all) {
			t.Errorf("%s by API: %+v %v", status, api, err)
		}
	}
	p.get("/obligations?status=fine", 400)
	var exported []obligation.Result
	if err := json.Unmarshal([]byte(p.get("/obligations/export?format=json", 200)), &exported); err != nil || len(exported) != len(all) {
		t.Errorf("export: %d, %v", len(exported), err)
	}
	p.get("/obligations/export?format=pdf", 400)
}

// TestObligationsOfThisVeryInstallation shows what the real register says of the real registers.
func TestObligationsOfThisVeryInstallation(t *testing.T) {
	d := newDesk(t)
	d.seed(12)
	d.findings = func(ctx context.Context) []obligation.Result {
		return obligation.Run(ctx, obligation.Evidence{Journal: d.j, Exchanges: d.exchanges, Services: d.services, Users: d.users, Staff: d.staff})
	}
	p := d.in()
	page := p.get("/obligations?lang=zh", 200)
	if n := strings.Count(page, `<details class="duty`); n != len(measures.Duties()) {
		t.Errorf("%d rows, want %d", n, len(measures.Duties()))
	}
	met := 0
	for _, r := range d.findings(t.Context()) {
		wants(t, page, r.Duty.ID)
		if r.Finding.Status == obligation.Met {
			met++
			if len(r.Finding.Facts) == 0 || len(r.Finding.Refs) == 0 {
				t.Errorf("%s is met without facts or references", r.Duty.ID)
			}
		}
	}
	// Every reference that the page links to leads somewhere.
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`href="(/(?:evidence|exchanges)[^"]*)"><code>`).FindAllStringSubmatch(page, -1) {
		if path := strings.ReplaceAll(m[1], "&amp;", "&"); !seen[path] {
			seen[path] = true
			p.get(path, 200)
		}
	}
	if len(seen) == 0 {
		t.Error("no reference leads anywhere")
	}
	t.Logf("%d met, %d references followed", met, len(seen))
	p.get("/", 200)
}

func TestEvidence(t *testing.T) {
	d := newDesk(t)
	d.seed(3)
	p := d.in()
	page := p.get("/evidence?lang=en", 200)
	wants(t, page, "Exchange closed", "Staff logged in", "hegui/test/node")
	wants(t, p.post("/evidence/checkpoint", 200), "The checkpoint is signed", "— hegui/test/node")
	wants(t, p.get("/evidence?verb=staff.logged_in", 200), "Staff logged in")
	if page := p.get("/evidence?verb=key.revoked", 200); !strings.Contains(visible(page), "No event matches") {
		t.Error(visible(page))
	}
	wants(t, p.get("/evidence/event?log=hegui/test/node&seq=0", 200), "checked with the public key", "audit path")
	var proof journal.Proof
	if err := json.Unmarshal([]byte(p.get("/evidence/proof?log=hegui/test/node&seq=2", 200)), &proof); err != nil || proof.Seq != 2 || proof.Leaf == "" {
		t.Fatalf("%+v %v", proof, err)
	}
	p.get("/evidence/proof?log=hegui/test/node&seq=99999", 404)
	p.get("/evidence/event?log=other&seq=0", 404)
	p.get("/evidence/event?log=hegui/test/node&seq=-1", 400)
	p.get("/evidence?verb=made.up", 400)
	wants(t, p.post("/evidence/verify", 200), "Sound")
	var report journal.Report
	if err := json.Unmarshal([]byte(p.send("/api/v1/verify", 200, "")), &report); err != nil || !report.Sound || report.Events == 0 {
		t.Errorf("%+v %v", report, err)
	}
	var api struct {
		Count  int64
		Events []journal.Event
	}
	if err := json.Unmarshal([]byte(p.get("/api/v1/events?verb=exchange.closed", 200)), &api); err != nil || api.Count != 3 || len(api.Events) != 3 {
		t.Errorf("%d %d %v", api.Count, len(api.Events), err)
	}
	// A damaged row is named.
	if _, err := d.db.W.Exec(`UPDATE exchange SET verdict = 'allow' WHERE verdict = 'mask'`); err != nil {
		t.Fatal(err)
	}
	wants(t, p.post("/evidence/verify", 200), "damaged or disagree", "exchange")
}

func TestKeys(t *testing.T) {
	d := newDesk(t)
	p := d.in()
	page := p.post("/settings/keys", 200, "service", "writer", "application", "new-app", "expires", time.Now().AddDate(0, 1, 0).Format("2006-01-02"))
	secret := regexp.MustCompile(`hg-[0-9A-Za-z]{43}`).FindString(page)
	if secret == "" {
		t.Fatalf("no secret: %s", visible(page))
	}
	k, err := d.services.Authenticate(t.Context(), secret, time.Now())
	if err != nil || k.Application != "new-app" {
		t.Fatalf("%+v %v", k, err)
	}
	if page := p.get("/settings/keys", 200); strings.Contains(page, secret) || !strings.Contains(page, k.Hint) {
		t.Error("the secret is shown twice, or the key not at all")
	}
	p.post("/settings/keys/revoke", 400, "id", k.ID, "reason", "")
	wants(t, p.post("/settings/keys/revoke", 200, "id", k.ID, "reason", "leaked"), "密钥已吊销", "已吊销")
	if _, err := d.services.Authenticate(t.Context(), secret, time.Now()); err == nil {
		t.Error("the revoked key still works")
	}
	p.post("/settings/keys/revoke", 409, "id", k.ID, "reason", "again")
	p.post("/settings/keys/revoke", 404, "id", "nothing", "reason", "x")
	p.post("/settings/keys", 400, "service", "nothing", "application", "x")
	p.post("/settings/keys", 400, "service", "writer", "application", "")
	p.post("/settings/keys", 400, "service", "writer", "application", "x", "expires", "2020-01-01")
	wants(t, p.post("/settings/keys", 400, "service", "writer", "application", "My App", "contract", "HT-7", "expires", "2030-01-02"),
		"以字母或数字开头", `value="My App"`, `value="HT-7"`, `value="2030-01-02"`, `maxlength="63"`, `<option value="writer" selected>`)
	p.post("/settings/keys", 400, "service", "writer", "application", strings.Repeat("a", 64))
	p.post("/settings/keys", 200, "service", "writer", "application", strings.Repeat("a", 63))
	wants(t, p.send("/api/v1/keys", 400, `{"service":"writer","application":"My App"}`), `"field":"application"`)
	var made struct {
		Secret string
		Key    struct{ ID string }
	}
	if err := json.Unmarshal([]byte(p.send("/api/v1/keys", 201, `{"service":"writer","application":"by-api"}`)), &made); err != nil || !strings.HasPrefix(made.Secret, "hg-") {
		t.Fatalf("%+v %v", made, err)
	}
	p.send("/api/v1/keys/revoke", 200, fmt.Sprintf(`{"id":%q,"reason":"test"}`, made.Key.ID))
	p.send("/api/v1/keys", 400, `{"service":"writer"`)
	wants(t, p.get("/api/v1/keys", 200), "by-api")
}

func TestUsers(t *testing.T) {
	d := newDesk(t)
	d.seed(3)
	p := d.in()
	u, err := d.users.Lookup(t.Context(), "writer", "zhang-san")
	if err != nil {
		t.Fatal(err)
	}
	wants(t, p.get("/settings/users?lang=en", 200), "zhang-san", "li-si", "3, of whom 0 accepted")
	wants(t, p.get("/settings/users?name=ZHANG", 200), "zhang-san")
	wants(t, p.get("/settings/users?name="+u.Subject, 200), "zhang-san")
	wants(t, p.get("/settings/users?name=nobody-here", 200), "Nobody was found")
	if _, err := d.users.Lookup(t.Context(), "writer", "nobody-here"); err == nil {
		t.Error("searching for a name created the user")
	}
	p.post("/settings/users/suspend", 400, "subject", u.Subject, "reason", "")
	p.post("/settings/users/suspend", 400, "subject", u.Subject, "reason", "x", "until", "2020-01-01")
	p.post("/settings/users/suspend", 404, "subject", "nobody", "reason", "x")
	wants(t, p.post("/settings/users/suspend", 200, "subject", u.Subject, "reason", "third warning"), "suspended by decision", "third warning")
	if u, err := d.users.Get(t.Context(), u.Subject); err != nil || !u.Suspended(time.Now()) {
		t.Errorf("%+v %v", u, err)
	}
	wants(t, p.post("/settings/users/lift", 200, "subject", u.Subject, "reason", "appeal upheld"), "lifted by decision")
	p.post("/settings/users/lift", 409, "subject", u.Subject, "reason", "again")
	p.get("/settings/users?service=other", 400)
}

func TestStaffPages(t *testing.T) {
	d := newDesk(t)
	p := d.in()
	page := p.post("/settings/staff?lang=en", 200, "login", "chen", "name", "陈晨", "role", "moderator")
	wants(t, page, "One-time link for 陈晨")
	link := regexp.MustCompile(`/link\?t=[0-9A-Za-z_-]+`).FindString(page)
	wants(t, d.person().get(link, 200), "陈晨")
	wants(t, p.post("/settings/staff", 409, "login", "chen", "name", "x", "role", "auditor"), "Somebody has this login")
	wants(t, p.post("/settings/staff", 400, "login", "x", "name", "x", "role", "auditor"), "A login has 2 to 32")
	wants(t, p.post("/settings/staff/disable", 409, "id", d.owner.ID, "disabled", "true"), "This is the last owner")
	p.post("/settings/staff/link", 404, "id", "nobody")
	list, err := d.staff.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if s.Login == "chen" {
			wants(t, p.post("/settings/staff/disable", 200, "id", s.ID, "disabled", "true"), "Disabled; their log-ins")
			wants(t, p.post("/settings/staff/disable", 200, "id", s.ID, "disabled", "false"), "Enabled again")
		}
	}
	wants(t, p.get("/settings?lang=en", 200), "Example Technology", "91310000MA1FL0000N", "none recorded", "2026-11", "Writing assistant")
}

func TestTryWithoutJavaScript(t *testing.T) {
	d := newDesk(t)
	p := d.in()
	wants(t, p.get("/try?lang=en", 200), "Say something", "sample-chat")
	page := p.post("/try", 200, "service", "writer", "model", "sample-chat", "user", "zhang-san", "text", "你好")
	wants(t, page, "这是第 1 轮的样例回答", "Allowed", "ended normally", "see the record", "at the end")
	history := regexp.MustCompile(`name="history" value="([^"]*)"`).FindStringSubmatch(page)[1]
	page = p.post("/try", 200, "service", "writer", "text", "再来", "history", strings.ReplaceAll(history, "&#34;", `"`))
	wants(t, page, "这是第 2 轮的样例回答", "你好")
	last := d.asked[len(d.asked)-1]
	if last.Header.Get("X-Hegui-User") != "wang" {
		t.Errorf("user %q", last.Header.Get("X-Hegui-User"))
	}
	wants(t, p.post("/try", 200, "service", "writer", "text", "赌博怎么玩"), "Refused", "stopped by screening")
	wants(t, p.post("/try", 200, "service", "writer", "user", "stranger", "text", "x"), "The agreement must be accepted first", "Read and accept the agreement", `href="http://127.0.0.1:8082/accept?t=x"`)
	p.post("/try", 400, "service", "writer", "text", " ")
	p.post("/try", 400, "service", "other", "text", "x")
	p.post("/try", 400, "service", "writer", "text", "x", "history", "{")
	body := p.post("/try/stream", 200, "service", "writer", "text", "你好")
	if !strings.Contains(body, "data: [DONE]") {
		t.Errorf("stream: %s", body)
	}
}

// TestOpenAPISaysWhatIsThere holds the document and the table of routes together.
func TestOpenAPISaysWhatIsThere(t *testing.T) {
	d := newDesk(t)
	var doc struct {
		Paths      map[string]map[string]struct{ OperationID string }
		Components struct {
			Schemas map[string]struct{ Properties map[string]any }
		}
	}
	if err := json.Unmarshal([]byte(d.person().get("/api/openapi.json", 200)), &doc); err != nil {
		t.Fatal(err)
	}
	described := 0
	for _, methods := range doc.Paths {
		described += len(methods)
	}
	there := 0
	for _, rt := range routes {
		if !strings.HasPrefix(rt.path, "/api/v1/") {
			continue
		}
		there++
		if _, ok := doc.Paths[rt.path][strings.ToLower(rt.method)]; !ok {
			t.Errorf("%s %s is not described", rt.method, rt.path)
		}
	}
	if described != there {
		t.Errorf("%d calls described, %d there", described, there)
	}
	// The schema of a record has exactly the fields that a record is written with.
	b, err := json.Marshal(exchange.Record{Provider: "p", Answer: "a@1", Heightened: "m", Turns: []string{"t"}, Healed: 1, Files: []exchange.File{{}}, Function: "f", Consent: "c"}) // with what is left out when empty
	if err != nil {
		t.Fatal(err)
	}
	var written map[string]any
	if err := json.Unmarshal(b, &written); err != nil {
		t.Fatal(err)
	}
	properties := doc.Components.Schemas["exchange.Record"].Properties
	for name := range written {
		if _, ok := properties[name]; !ok {
			t.Errorf("exchange.Record is written with %q, which is not described", name)
		}
	}
	if len(properties) != len(written) {
		t.Errorf("%d fields described, %d written", len(properties), len(written))
	}
}

func TestProblems(t *testing.T) {
	d := newDesk(t)
	p := d.in()
	wants(t, p.get("/nowhere?lang=en", 404), "There is no such page", "Today")
	p.post("/obligations", 405)
	p.get("/logout", 405)
	if body := p.get("/api/v1/nothing", 404); !strings.Contains(body, `"status":404`) {
		t.Errorf("%s", body)
	}
	wants(t, d.person().get("/api/v1/exchanges", 401), "请先登录")
	wants(t, p.get("/healthz", 200), "ok")
	// When the database goes away there is a page with a reference, and nothing internal shows.
	if err := d.db.R.Close(); err != nil {
		t.Fatal(err)
	}
	page := p.get("/exchanges?lang=en", 500)
	wants(t, page, "Nothing was changed", "Reference")
	if strings.Contains(page, "sql") {
		t.Errorf("%s", visible(page))
	}
}

// TestCodesHaveWords: every code that our own packages write is shown in words.
func TestCodesHaveWords(t *testing.T) {
	cat, err := web.LoadCatalogue(files)
	if err != nil {
		t.Fatal(err)
	}
	families := map[string][]string{"role": {"user", "assistant", "system", "tool", "developer"}, "label": {"text", "ui", "none", "start", "end"},
		"tier": {"block", "signal", "observe", "mask"}, "where": {"in", "out"}, "kind": personalKinds,
		"guard": {"authenticate", "agreement", "standing", "limits", "route", "privacy", "moderate_in", "moderate_out", "label", "record"},
		"force": {string(measures.Shall), string(measures.Should), string(measures.Ours)}}
	for _, v := range verdicts {
		families["verdict"] = append(families["verdict"], string(v))
	}
	for _, o := range outcomes {
		families["outcome"] = append(families["outcome"], string(o))
	}
	for _, s := range statuses {
		families["status"] = append(families["status"], string(s))
	}
	for _, v := range verbs() {
		families["verb"] = append(families["verb"], string(v))
	}
	for _, c := range operator.Capabilities {
		families["can"] = append(families["can"], string(c))
	}
	for family, codes := range families {
		for _, code := range codes {
			if !cat.Has(family + "." + code) {
				t.Errorf("no word for %s %q", family, code)
			}
		}
	}
}
