package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/exchange"
)

// plugin is a client in the shape of Higress' ai-security-guard: it signs ACS3-HMAC-SHA256, sends pieces, and shows a text whenever it is
// not told otherwise in an answer that it understands.
type plugin struct {
	h        *harness
	action   string
	services [2]string
	session  string
	last     reply
}

// passes asks about a piece and decides as the plug-in does.
func (p *plugin) passes(out bool, text string) (shown bool, instead string) {
	p.h.t.Helper()
	service := p.services[0]
	if out {
		service = p.services[1]
	}
	parameters, err := json.Marshal(map[string]string{"content": text, "sessionId": p.session, "requestFrom": "test"})
	must(p.h.t, err)
	body := url.Values{"ServiceParameters": {string(parameters)}}.Encode()
	query := url.Values{"Service": {service}}.Encode()
	sum := sha256.Sum256([]byte(body))
	headers := map[string]string{"host": "green", "x-acs-action": p.action, "x-acs-version": "2022-03-02", "x-acs-date": time.Now().UTC().Format(time.RFC3339),
		"x-acs-signature-nonce": fmt.Sprint(time.Now().UnixNano()), "x-acs-content-sha256": hex.EncodeToString(sum[:]), "content-type": "application/x-www-form-urlencoded"}
	var names []string
	for name := range headers {
		names = append(names, name)
	}
	slices.Sort(names)
	var canonical strings.Builder
	for _, name := range names {
		canonical.WriteString(name + ":" + headers[name] + "\n")
	}
	request := "POST\n/\n" + query + "\n" + canonical.String() + "\n" + strings.Join(names, ";") + "\n" + headers["x-acs-content-sha256"]
	hashed := sha256.Sum256([]byte(request))
	mac := hmac.New(sha256.New, []byte("any secret"))
	mac.Write([]byte("ACS3-HMAC-SHA256\n" + hex.EncodeToString(hashed[:])))
	r, err := http.NewRequest(http.MethodPost, p.h.url+"/?"+query, strings.NewReader(body))
	must(p.h.t, err)
	for name, value := range headers {
		if name != "host" {
			r.Header.Set(name, value)
		}
	}
	r.Header.Set("Authorization", "ACS3-HMAC-SHA256 Credential="+p.h.key+",SignedHeaders="+strings.Join(names, ";")+",Signature="+hex.EncodeToString(mac.Sum(nil)))
	r.Header.Set("X-Hegui-User", "alice")
	resp, err := http.DefaultClient.Do(r)
	must(p.h.t, err)
	defer func() { _ = resp.Body.Close() }()
	b, _ := io.ReadAll(resp.Body)
	p.last = reply{resp.StatusCode, resp.Header, string(b)}
	var a struct {
		Code int
		Data struct {
			RiskLevel string
			Advice    []struct{ Answer string }
			Detail    []struct {
				Type, Level, Suggestion string
				Result                  []struct {
					Ext struct{ Desensitization string }
				}
			}
		}
	}
	if resp.StatusCode != 200 || json.Unmarshal(b, &a) != nil || a.Code != 200 {
		return true, "" // as the plug-in does
	}
	if len(a.Data.Advice) > 0 {
		instead = a.Data.Advice[0].Answer
	}
	if p.action == "TextModerationPlus" {
		return a.Data.RiskLevel != "high", instead
	}
	for _, d := range a.Data.Detail {
		if d.Type == "contentModeration" && d.Level == "max" {
			return false, instead
		}
		if d.Suggestion == "mask" {
			instead = d.Result[0].Ext.Desensitization
		}
	}
	return true, instead
}

// TestHigressShapedClient: what is forbidden is stopped on the way in and out, over the borders of pieces too, with the refusal to show; personal
// information is masked where the shape can say so; a call that fails is never a pass.
func TestHigressShapedClient(t *testing.T) {
	for _, p := range []*plugin{{action: "TextModerationPlus", services: [2]string{"llm_query_moderation", "llm_response_moderation"}},
		{action: "MultiModalGuard", services: [2]string{"query_security_check", "response_security_check"}}} {
		p.h = setup(t, says("x"), nil)
		wants := func(what string, out bool, text string, shown bool) {
			t.Helper()
			got, instead := p.passes(out, text)
			if got != shown || !shown && !strings.Contains(instead, "抱歉") && !strings.Contains(instead, "Sorry") {
				t.Errorf("%s, %s: shown %t, instead %q: %s", p.action, what, got, instead, p.last.body)
			}
			if rec := p.h.record(p.last); rec.Detached == "" || shown && rec.Verdict == exchange.Refuse {
				t.Errorf("%s, %s: %+v", p.action, what, rec)
			}
		}
		wants("harmless input", false, "你好", true)
		wants("input", false, "我要买禁果出售的东西", false)
		wants("harmless answer", true, "好的，没问题", true)
		p.session = "s1"
		wants("first piece", true, "这里有禁果", true)
		wants("second piece", true, "出售，快来", false)
		p.session = "s2"
		wants("another answer", true, "出售，快来", true)
		shown, masked := p.passes(false, "我的电话是 13812345678")
		if !shown || p.action == "MultiModalGuard" && !strings.Contains(masked, "138****5678") {
			t.Errorf("%s: %t %q %s", p.action, shown, masked, p.last.body)
		}
		key := p.h.key
		p.h.key = "hg-unknown"
		if shown, _ := p.passes(false, "你好"); shown {
			t.Errorf("%s: a key that is not known lets texts through: %s", p.action, p.last.body)
		}
		p.h.key = key
		action := p.action
		p.action = "TextModeration"
		if shown, _ := p.passes(false, "你好"); shown && action == "TextModerationPlus" {
			t.Logf("another action: %s", p.last.body)
		}
	}
}

// TestSignedAsForms: the older signature has everything in the form, as APISIX and aisix send it.
func TestSignedAsForms(t *testing.T) {
	h := setup(t, says("x"), nil)
	send := func(text string) string {
		parameters, _ := json.Marshal(map[string]string{"content": text})
		form := url.Values{"Action": {"TextModerationPlus"}, "Version": {"2022-03-02"}, "AccessKeyId": {h.key}, "SignatureMethod": {"HMAC-SHA1"}, "SignatureVersion": {"1.0"},
			"SignatureNonce": {"n"}, "Signature": {"c2ln"}, "Timestamp": {"2026-11-23T00:00:00Z"}, "Service": {"llm_query_moderation"}, "ServiceParameters": {string(parameters)}}
		return h.post("/", form.Encode(), "Authorization", "", "Content-Type", "application/x-www-form-urlencoded").body
	}
	if body := send("你好"); !strings.Contains(body, `"RiskLevel":"none"`) || !strings.Contains(body, `"Code":200`) {
		t.Error(body)
	}
	if body := send("禁果出售"); !strings.Contains(body, `"RiskLevel":"high"`) || !strings.Contains(body, `"Answer":"抱歉`) || strings.Contains(body, "禁果") {
		t.Error(body)
	}
	if body := h.post("/", "%zz=", "Content-Type", "application/x-www-form-urlencoded").body; !strings.Contains(body, `"RiskLevel":"high"`) {
		t.Error(body)
	}
}

// TestModerationsEndpoint: OpenAI's shape, for one text, several and parts; evidence scores and does not flag; other things than text are an error.
func TestModerationsEndpoint(t *testing.T) {
	h := setup(t, says("x"), nil)
	type result struct {
		Flagged    bool
		Categories map[string]bool
		Scores     map[string]float64 `json:"category_scores"`
		Hegui      struct{ Exchange, Verdict string }
	}
	ask := func(input string, headers ...string) []result {
		t.Helper()
		r := h.post("/v1/moderations", `{"model":"omni-moderation-latest","input":`+input+`}`, headers...)
		var a struct {
			ID      string
			Results []result
		}
		if r.status != 200 || json.Unmarshal([]byte(r.body), &a) != nil || a.ID == "" {
			t.Fatalf("%s: %d %s", input, r.status, r.body)
		}
		return a.Results
	}
	if r := ask(`["你好","forbidden fruit","说说禁果"]`); len(r) != 3 || r[0].Flagged || !r[1].Flagged || !r[1].Categories["illicit"] || r[2].Flagged || r[2].Scores["sexual"] != 0.5 || len(r[0].Categories) != 13 {
		t.Errorf("%+v", r)
	}
	if r := ask(`"forbidden fruit"`, "X-Hegui-Direction", "out"); !r[0].Flagged || r[0].Hegui.Verdict != "stop" {
		t.Errorf("%+v", r)
	}
	if r := ask(`[{"type":"text","text":"你好"}]`); r[0].Flagged {
		t.Errorf("%+v", r)
	}
	for _, bad := range []string{`[]`, `7`, `[{"type":"image_url","image_url":{"url":"data:"}}]`} {
		if r := h.post("/v1/moderations", `{"input":`+bad+`}`); r.status != 400 {
			t.Errorf("%s: %d %s", bad, r.status, r.body)
		}
	}
	if r := h.post("/v1/moderations", `{}`, "Authorization", "Bearer hg-none"); r.status != 401 {
		t.Errorf("%d %s", r.status, r.body)
	}
}
