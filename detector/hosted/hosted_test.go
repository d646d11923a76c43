package hosted

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/hegui/hegui/moderation"
)

// TestSignatures compares with what the vendors' own Python kits make of the same request, at the versions alibabacloud-openapi-util 0.2.4,
// tencentcloud-sdk-python-common 3.1.195, huaweicloudsdkcore 3.1.219 and volcengine 1.0.229.
func TestSignatures(t *testing.T) {
	const id, secret = "AKIDEXAMPLE", "SecretEXAMPLE123"
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	for name, x := range map[string]struct {
		address, kind, body, want string
		sign                      func(*http.Request, []byte)
	}{
		"alibaba": {"https://green-cip.cn-shanghai.aliyuncs.com/?Service=llm_query_moderation", "application/x-www-form-urlencoded", "ServiceParameters=%7B%22content%22%3A%22x%22%7D",
			"56e9314bb895e329888f7e73929722211442d2aaf305b0f48fb19687ca891f7f", func(r *http.Request, b []byte) {
				signAlibaba(r, b, id, secret, "TextModerationPlus", "2022-03-02", "nonce-1", now)
			}},
		"tencent": {"https://tms.tencentcloudapi.com/", "application/json", `{"Content":"5L2g5aW9"}`, "11204025236937c5a0c0439a2466cd587bbf02c2abcb1617ed4587842e5f173c",
			func(r *http.Request, b []byte) {
				signTencent(r, b, id, secret, "tms", "TextModeration", "2020-12-29", "ap-guangzhou", now)
			}},
		"huawei": {"https://moderation.cn-north-4.myhuaweicloud.com/v3/p1/moderation/text", "application/json", `{"data":{"text":"x"}}`, "3ffce6e1b7ea0a17811153c4e988d956e2f1dbf599bb7ec72c87a7f2f30e21fe",
			func(r *http.Request, b []byte) { signHuawei(r, b, id, secret, now) }},
		"volcengine": {"https://riskcontrol.volcengineapi.com/?Action=TextRisk&Version=2022-01-26", "application/json", `{"AppId":1}`, "9ae5cd3bc1f68fef0f65f58cd0c37d482926351504997064fce33118bbbe34bc",
			func(r *http.Request, b []byte) {
				signVolcengine(r, b, id, secret, "BusinessSecurity", "cn-north-1", now)
			}},
	} {
		r, err := post(context.Background(), x.address, []byte(x.body), x.kind)
		if err != nil {
			t.Fatal(err)
		}
		x.sign(r, []byte(x.body))
		if got := r.Header.Get("Authorization"); !strings.HasSuffix(got, "Signature="+x.want) || strings.Contains(got, secret) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// spoken is what a vendor says in each case, in the shapes of its documents.
var spoken = map[string]struct{ clean, hit, unknown, throttled string }{
	"alibaba": {`{"Code":200,"Data":{"RiskLevel":"none","Result":[{"Label":"nonLabel"}]}}`,
		`{"Code":200,"Data":{"RiskLevel":"high","Result":[{"Label":"contraband_gambling","Confidence":99.1,"RiskWords":"x"}],"Advice":[{"Answer":"a"}]}}`,
		`{"Code":200,"Data":{"RiskLevel":"medium","Result":[{"Label":"brand_new","Confidence":60}]}}`, `{"Code":588,"Message":"EXCEED_QUOTA"}`},
	"alibaba-guard": {`{"Code":200,"Data":{"Suggestion":"pass","Detail":[{"Type":"contentModeration","Level":"none","Suggestion":"pass","Result":[{"Label":"nonLabel"}]}]}}`,
		`{"Code":200,"Data":{"Suggestion":"block","Detail":[{"Type":"contentModeration","Level":"high","Suggestion":"block","Result":[{"Label":"contraband_gambling","Confidence":99.1}]}]}}`,
		`{"Code":200,"Data":{"Suggestion":"block","Detail":[{"Type":"brandNew","Suggestion":"block","Result":[{"Label":"x","Confidence":60}]}]}}`, `{"Code":588}`},
	"tencent": {`{"Response":{"Suggestion":"Pass","Label":"Normal","Score":0,"RequestId":"r"}}`,
		`{"Response":{"Suggestion":"Block","Label":"Illegal","Score":99,"DetailResults":[{"Label":"Illegal","Suggestion":"Block","Score":99.1,"Keywords":["x"]}],"RequestId":"r"}}`,
		`{"Response":{"Suggestion":"Review","Label":"BrandNew","Score":60,"RequestId":"r"}}`, `{"Response":{"Error":{"Code":"RequestLimitExceeded.UinLimitExceeded","Message":"m"},"RequestId":"r"}}`},
	"baidu": {`{"log_id":1,"conclusion":"合规","conclusionType":1}`,
		`{"log_id":1,"conclusion":"不合规","conclusionType":2,"data":[{"type":12,"subType":1,"msg":"m","conclusionType":2,"hits":[{"probability":0.991,"words":["x"]}]}]}`,
		`{"log_id":1,"conclusion":"疑似","conclusionType":3,"data":[{"type":77,"subType":1,"conclusionType":3}]}`, `{"error_code":18,"error_msg":"Open api qps request limit reached"}`},
	"huawei": {`{"request_id":"r","result":{"suggestion":"pass","label":"normal","details":[]}}`,
		`{"request_id":"r","result":{"suggestion":"block","label":"ban","details":[{"suggestion":"block","label":"ban","confidence":0.991,"segments":[]}]}}`,
		`{"request_id":"r","result":{"suggestion":"review","label":"brand_new","details":[]}}`, `{"error_code":"APIG.0308","error_msg":"throttled"}`},
	"volcengine": {`{"ResponseMetadata":{},"Result":{"Code":0,"Data":{"Decision":"PASS"}}}`,
		`{"ResponseMetadata":{},"Result":{"Code":0,"Data":{"Decision":"BLOCK","DecisionLabel":"101","Results":[{"Label":"101","Decision":"BLOCK"}]}}}`,
		`{"ResponseMetadata":{},"Result":{"Code":0,"Data":{"Decision":"REVIEW","DecisionLabel":"999"}}}`, `{"ResponseMetadata":{"Error":{"Code":"FlowLimitExceeded"}}}`},
	"openai": {`{"id":"m","results":[{"flagged":false,"categories":{"illicit":false},"category_scores":{"illicit":0.01}}]}`,
		`{"id":"m","results":[{"flagged":true,"categories":{"illicit":true,"hate":false},"category_scores":{"illicit":0.991}}]}`,
		`{"id":"m","results":[{"flagged":true,"categories":{"brand-new":true},"category_scores":{"brand-new":0.6}}]}`, ``},
}

// vendorServer answers as told; it checks that a call carries the vendor's authorisation and the text, and knows Baidu's token.
func vendorServer(t *testing.T, id string, answer func(w http.ResponseWriter, text string)) (*Check, *atomic.Int64) {
	t.Helper()
	var calls, given atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		if strings.HasPrefix(r.URL.Path, "/oauth/") {
			if r.URL.Query().Get("client_secret") != "s3cret" {
				t.Errorf("token asked with %s", r.URL.RawQuery)
			}
			_, _ = fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":2592000}`, given.Add(1))
			return
		}
		calls.Add(1)
		text := sentText(t, id, r, body)
		if strings.Contains(string(body)+r.URL.RawQuery+r.Header.Get("Authorization"), "s3cret") && id != "openai" {
			t.Errorf("%s: the secret was sent", id)
		}
		if id == "baidu" && strings.Contains(text, "旧令牌") && r.URL.Query().Get("access_token") == "token-1" {
			_, _ = io.WriteString(w, `{"error_code":110,"error_msg":"Access token invalid"}`)
			return
		}
		answer(w, text)
	}))
	t.Cleanup(server.Close)
	c, err := New(Settings{Name: "h", Vendor: id, URL: server.URL, KeyID: "k", Secret: "s3cret", Project: "7", Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c, &calls
}

// sentText is the text in a call, read independently of how it was written.
func sentText(t *testing.T, id string, r *http.Request, body []byte) string {
	t.Helper()
	form, _ := url.ParseQuery(string(body))
	var j map[string]any
	_ = json.Unmarshal(body, &j)
	auth := r.Header.Get("Authorization")
	wants := map[string]string{"alibaba": "ACS3-HMAC-SHA256 Credential=k,", "alibaba-guard": "ACS3-HMAC-SHA256 Credential=k,", "tencent": "TC3-HMAC-SHA256 Credential=k/", "huawei": "SDK-HMAC-SHA256 Access=k,",
		"volcengine": "HMAC-SHA256 Credential=k/", "openai": "Bearer s3cret"}[id]
	if !strings.HasPrefix(auth, wants) {
		t.Errorf("%s: Authorization %q", id, auth)
	}
	switch id {
	case "alibaba", "alibaba-guard":
		var p struct{ Content string }
		_ = json.Unmarshal([]byte(form.Get("ServiceParameters")), &p)
		return p.Content
	case "tencent":
		b, _ := base64.StdEncoding.DecodeString(j["Content"].(string))
		return string(b)
	case "baidu":
		if r.URL.Query().Get("access_token") == "" {
			t.Error("no token")
		}
		return form.Get("text")
	case "huawei":
		return j["data"].(map[string]any)["text"].(string)
	case "volcengine":
		var p struct{ Text string }
		_ = json.Unmarshal([]byte(j["Parameters"].(string)), &p)
		return p.Text
	}
	return j["input"].(string)
}

func ask(t *testing.T, c *Check, text string) moderation.Judgement {
	t.Helper()
	return moderation.Consult(context.Background(), c, moderation.Query{Scene: moderation.Scene{Service: "demo", Direction: "in"}, Text: []byte(text)})
}

// TestVendors: what each says is understood; what cannot be is an outage with a reason and never a clear, and no error repeats text or key.
func TestVendors(t *testing.T) {
	for _, v := range Vendors() {
		said, ok := spoken[v.ID]
		if !ok {
			t.Fatalf("%s has no answers here", v.ID)
		}
		answer := said.clean
		status := 200
		c, _ := vendorServer(t, v.ID, func(w http.ResponseWriter, _ string) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, answer)
		})
		if j := ask(t, c, "一段普通的话"); j.Outcome != moderation.Clear {
			t.Errorf("%s, clean: %+v", v.ID, j)
		}
		answer = said.hit
		if j := ask(t, c, "一段话"); j.Outcome != moderation.Found || len(j.Findings) != 1 || j.Findings[0].Category != "A1h" || j.Findings[0].Tier != moderation.Signal || j.Findings[0].Score < 0.99 || j.Findings[0].End != len("一段话") ||
			!strings.HasPrefix(j.Findings[0].Reason, "block, label ") {
			t.Errorf("%s, hit: %+v", v.ID, j)
		}
		answer = said.unknown
		if j := ask(t, c, "一段话"); j.Outcome != moderation.Found || j.Findings[0].Category != "A1h" || !strings.Contains(j.Findings[0].Reason, "not in the table") {
			t.Errorf("%s, unknown label: %+v", v.ID, j)
		}
		for name, x := range map[string]struct {
			status int
			body   string
		}{"throttled": {200, said.throttled}, "throttled by status": {429, "{}"}, "malformed": {200, `{"`}, "another shape": {200, `{"ok":true}`}, "a list": {200, `[]`}, "html": {502, "<html>secret words</html>"},
			"empty": {200, ""}, "huge": {200, `{"a":"` + strings.Repeat("x", maxAnswer) + `"}`}, "server error": {500, `{"code":"E1","message":"一段秘密的话"}`}} {
			if x.body == "" && name == "throttled" {
				continue
			}
			answer, status = x.body, x.status
			j := ask(t, c, "一段秘密的话")
			if j.Outcome != moderation.Unavailable || j.Reason == "" || strings.Contains(j.Reason, "秘密") || strings.Contains(j.Reason, "s3cret") || strings.Contains(j.Reason, "secret words") {
				t.Errorf("%s, %s: %+v", v.ID, name, j)
			}
			if strings.HasPrefix(name, "throttled") && !strings.Contains(j.Reason, "no more calls") {
				t.Errorf("%s, %s: %s", v.ID, name, j.Reason)
			}
		}
		status = 200
		slow, _ := vendorServer(t, v.ID, func(w http.ResponseWriter, _ string) {
			time.Sleep(1300 * time.Millisecond)
			_, _ = io.WriteString(w, said.clean)
		})
		if j := ask(t, slow, "一段话"); j.Outcome != moderation.Unavailable {
			t.Errorf("%s, slow: %+v", v.ID, j)
		}
	}
}

// An answer that says two things is never a clear: what it finds counts, or it cannot be read.
func TestAnswersThatContradictThemselves(t *testing.T) {
	for _, x := range []struct {
		id, body string
		want     moderation.Outcome
	}{
		{"alibaba", `{"Code":200,"Data":{"RiskLevel":"none","Result":[{"Label":"contraband_gambling","Confidence":99}]}}`, moderation.Found},
		{"alibaba", `{"Code":200,"Data":{"RiskLevel":"high","RiskLevel":"none","Result":[]}}`, moderation.Unavailable},
		{"alibaba-guard", `{"Code":200,"Data":{"Suggestion":"pass","Detail":[{"Type":"contentModeration","Suggestion":"block","Result":[{"Label":"contraband_gambling","Confidence":99}]}]}}`, moderation.Found},
		{"tencent", `{"Response":{"Suggestion":"Pass","Label":"Normal","DetailResults":[{"Label":"Illegal","Suggestion":"Block","Score":99}]}}`, moderation.Found},
		{"tencent", `{"Response":{"Suggestion":"Pass","Label":"Normal","DetailResults":[{"Label":"Illegal","Suggestion":"block","Score":99}]}}`, moderation.Unavailable},
		{"tencent", `{"Response":{"Suggestion":"Block","suggestion":"Pass","Label":"Normal"}}`, moderation.Unavailable},
		{"baidu", `{"conclusionType":1,"data":[{"type":12,"subType":1,"conclusionType":2,"hits":[{"probability":0.99}]}]}`, moderation.Found},
		{"baidu", `{"conclusionType":1,"data":[{"type":14,"subType":1,"conclusionType":2}]}`, moderation.Clear}, // the operator's own list of allowed words there
		{"baidu", `{"conclusionType":2,"conclusionType":1}`, moderation.Unavailable},
		{"huawei", `{"result":{"suggestion":"pass","details":[{"suggestion":"block","label":"ban","confidence":0.9}]}}`, moderation.Found},
		{"huawei", `{"result":{"suggestion":"pass","details":[{"suggestion":"deny","label":"ban"}]}}`, moderation.Unavailable},
		{"volcengine", `{"ResponseMetadata":{},"Result":{"Code":0,"Data":{"Decision":"PASS","Results":[{"Label":"101","Decision":"BLOCK"}]}}}`, moderation.Found},
		{"openai", `{"results":[{"flagged":false,"categories":{"illicit":true},"category_scores":{"illicit":0.9}}]}`, moderation.Found},
		{"openai", `{"results":[{"flagged":true,"categories":{"illicit":true},"category_scores":{"illicit":-7}}]}`, moderation.Unavailable},
		{"openai", `{"results":[{"flagged":true,"categories":{"illicit":true},"category_scores":{"illicit":1e300}}]}`, moderation.Unavailable},
		{"openai", `{"results":[{"flagged":true,"flagged":false,"categories":{}}]}`, moderation.Unavailable},
		{"openai", `{"error":{"message":"m"},"results":[{"flagged":false,"categories":{}}]}`, moderation.Unavailable},
	} {
		c, _ := vendorServer(t, x.id, func(w http.ResponseWriter, _ string) { _, _ = io.WriteString(w, x.body) })
		if j := ask(t, c, "一段话"); j.Outcome != x.want {
			t.Errorf("%s %s: %+v, want %s", x.id, x.body, j, x.want)
		}
	}
}

// TestLongTextsAreCut: every character reaches the vendor, words over a border too, and places are those of the whole text.
func TestLongTextsAreCut(t *testing.T) {
	for _, v := range Vendors() {
		most := v.MaxRunes
		if most == 0 {
			most = v.MaxBytes / 3
		}
		for _, at := range []int{0, most - 3, most, 2*most + 5} {
			text := strings.Repeat("字", at) + "毒药在此" + strings.Repeat("尾", 10)
			said := spoken[v.ID]
			c, calls := vendorServer(t, v.ID, func(w http.ResponseWriter, text string) {
				if n := len([]rune(text)); n > most {
					t.Errorf("%s got %d characters", v.ID, n)
				}
				if strings.Contains(text, "毒药在此") {
					_, _ = io.WriteString(w, said.hit)
					return
				}
				_, _ = io.WriteString(w, said.clean)
			})
			expected := c.Estimate(moderation.Query{Text: []byte(text)})
			j := ask(t, c, text)
			if expected.Calls != int64(calls.Load()) || expected.Chars < int64(utf8.RuneCountInString(text)) {
				t.Errorf("%s at %d: %d calls, expected %+v", v.ID, at, calls.Load(), expected)
			}
			if j.Outcome != moderation.Found || j.Findings[0].Start > at*3 || j.Findings[0].End < (at+4)*3 {
				t.Errorf("%s at %d: %d calls, %+v", v.ID, at, calls.Load(), j)
			}
		}
	}
	c, calls := vendorServer(t, "huawei", func(w http.ResponseWriter, _ string) { _, _ = io.WriteString(w, spoken["huawei"].clean) })
	if j := ask(t, c, strings.Repeat("字", 100_000)); j.Outcome != moderation.Unavailable || calls.Load() != 0 || c.Estimate(moderation.Query{Text: []byte(strings.Repeat("字", 100_000))}) != (Used{}) {
		t.Errorf("%d calls, %+v", calls.Load(), j)
	}
}

// TestBaiduToken: a token that is refused is fetched anew once.
func TestBaiduToken(t *testing.T) {
	c, _ := vendorServer(t, "baidu", func(w http.ResponseWriter, _ string) { _, _ = io.WriteString(w, spoken["baidu"].clean) })
	if j := ask(t, c, "旧令牌"); j.Outcome != moderation.Clear {
		t.Errorf("%+v", j)
	}
	c, calls := vendorServer(t, "baidu", func(w http.ResponseWriter, _ string) { _, _ = io.WriteString(w, `{"error_code":111}`) })
	if j := ask(t, c, "x"); j.Outcome != moderation.Unavailable || calls.Load() != 2 {
		t.Errorf("%d %+v", calls.Load(), j)
	}
}

func TestSettings(t *testing.T) {
	for want, s := range map[string]Settings{
		"use one of":      {Vendor: "nobody"},
		"key_id":          {Vendor: "tencent"},
		"secret":          {Vendor: "tencent", KeyID: "k"},
		"project id":      {Vendor: "huawei", KeyID: "k", Secret: "s"},
		"the app id":      {Vendor: "volcengine", KeyID: "k", Secret: "s", Project: "my-app"},
		"url":             {Vendor: "openai", URL: "ftp://x"},
		"on this machine": {Vendor: "openai", Secret: "s", URL: "http://10.0.0.7/v1"},
		"tier":            {Vendor: "openai", Tier: "loud"},
		"detector":        {Vendor: "openai", Name: "Not A Name"},
		"cannot be nega":  {Vendor: "openai", Name: "x", MaxPieces: -1},
	} {
		if _, err := New(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range spoken {
		for _, b := range []string{s.clean, s.hit, s.unknown, s.throttled} {
			f.Add([]byte(b))
		}
	}
	table := vendors()
	f.Fuzz(func(t *testing.T, body []byte) {
		for id, v := range table {
			found, err := v.read(body)
			if err != nil && len(found) > 0 {
				t.Errorf("%s: findings and an error", id)
			}
			if errors.Is(err, context.Canceled) {
				t.Error("no")
			}
		}
	})
}

// capture is a vendor that keeps what it was sent and answers in turn; the last answer stays.
func capture(t *testing.T, s Settings, answers ...string) (*Check, func() []string) {
	t.Helper()
	var mu sync.Mutex
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		bodies = append(bodies, string(body))
		answer := answers[min(len(bodies), len(answers))-1]
		mu.Unlock()
		if answer == "" {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	s.Name, s.URL, s.KeyID, s.Secret, s.Project = "h", server.URL, "k", "s3cret", "7"
	c, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return c, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return bodies
	}
}

// TestWhatIsAsked: every vendor is asked to moderate, about politics too, in both directions, and no vendor is told what would let it judge
// one person's text together with another's.
func TestWhatIsAsked(t *testing.T) {
	for _, v := range Vendors() {
		for _, direction := range []string{"in", "out"} {
			c, sent := capture(t, Settings{Vendor: v.ID}, `{"access_token":"a","expires_in":99}`, spoken[v.ID].clean)
			for range 2 {
				moderation.Consult(context.Background(), c, moderation.Query{Scene: moderation.Scene{Service: "one-service", Direction: direction}, Text: []byte("你好")})
			}
			all := strings.Join(sent(), "\n")
			if len(sent()) < 2 || strings.Contains(strings.ToLower(all), "sessionid") || strings.Contains(all, "one-service") || strings.Contains(all, "AIGC") {
				t.Errorf("%s %s: %s", v.ID, direction, all)
			}
			if v.ID == "huawei" && !strings.Contains(all, `"politics"`) {
				t.Errorf("%s", all)
			}
		}
	}
	c, sent := capture(t, Settings{Vendor: "huawei", Service: "mine"}, spoken["huawei"].clean)
	if ask(t, c, "你好"); strings.Contains(sent()[0], "categories") || !strings.Contains(sent()[0], `"biz_type":"mine"`) {
		t.Errorf("%s", sent()[0])
	}
}

// TestEveryWordCounts: attacks and sensitive data beside harmless content, a detail stricter than the whole, subjects, allowed words.
func TestEveryWordCounts(t *testing.T) {
	for _, x := range []struct{ vendor, answer, want string }{
		{"alibaba", `{"Code":200,"Data":{"RiskLevel":"none","AttackLevel":"high","AttackResult":[{"Label":"Indirect Prompt Injection","Confidence":100}],"SensitiveLevel":"S3","SensitiveResult":[{"Label":"1780"}]}}`,
			"A1h signal block, label promptAttack; A4f signal block, label sensitiveData"},
		{"alibaba", `{"Code":200,"Data":{"RiskLevel":"none","AttackLevel":"none","AttackResult":[{"Label":"safe"}],"SensitiveLevel":"S0"}}`, "clear"},
		{"alibaba", `{"Code":200,"Data":{"RiskLevel":"none","AttackLevel":"odd"}}`, "unavailable"},
		{"alibaba", `{"Code":200,"Data":{"RiskLevel":"low","Result":[{"Label":"religion_b","Confidence":80}]}}`, "A2b observe review, label religion_b"},
		{"alibaba", `{"Code":200,"Data":{"RiskLevel":"high","Result":[{"Label":"religion_cult","Confidence":80}]}}`, "A1d signal block, label religion_cult"},
		{"tencent", `{"Response":{"Suggestion":"Pass","Label":"Normal","DetailResults":[{"Label":"Porn","Suggestion":"Block","Score":99}]}}`, "A1f signal block, label Porn"},
		{"baidu", `{"conclusionType":2,"data":[{"type":14,"subType":0,"conclusionType":2},{"type":12,"subType":7,"conclusionType":2}]}`, "A4f signal block, label 12/7"},
		{"huawei", `{"result":{"suggestion":"pass","label":"normal","details":[{"suggestion":"block","label":"porn","confidence":0.9}]}}`, "A1f signal block, label porn"},
	} {
		answers := []string{x.answer}
		if x.vendor == "baidu" {
			answers = []string{`{"access_token":"a","expires_in":99}`, x.answer}
		}
		c, _ := capture(t, Settings{Vendor: x.vendor}, answers...)
		j := ask(t, c, "一段话")
		got := string(j.Outcome)
		if j.Outcome == moderation.Found {
			var all []string
			for _, f := range j.Findings {
				all = append(all, fmt.Sprintf("%s %s %s", f.Category, f.Tier, f.Reason))
			}
			got = strings.Join(all, "; ")
		}
		if got != x.want {
			t.Errorf("%s %s: %s, want %s", x.vendor, x.answer, got, x.want)
		}
	}
}

// TestOnePieceFails: with degrade what the others found counts; with hold nothing passes.
func TestOnePieceFails(t *testing.T) {
	text := strings.Repeat("字", 2000)
	for rule, want := range map[moderation.OnError]moderation.Outcome{moderation.Degrade: moderation.Found, moderation.Hold: moderation.Unavailable} {
		for _, answers := range [][]string{{spoken["huawei"].hit, ""}, {"", spoken["huawei"].hit}} {
			c, _ := capture(t, Settings{Vendor: "huawei", OnError: rule}, answers...)
			if j := ask(t, c, text); j.Outcome != want || j.Reason == "" {
				t.Errorf("%q: %+v", rule, j)
			}
		}
	}
}

func FuzzCut(f *testing.F) {
	f.Add("abc\xff", 2, 5)
	f.Add("字字字", 0, 4)
	f.Fuzz(func(t *testing.T, text string, runes, bytes int) {
		if runes < 0 || bytes != 0 && bytes < utf8.UTFMax || bytes < 0 {
			return // no vendor takes so little
		}
		end := 0
		for _, p := range cut(text, runes, bytes) {
			if p.at > end || p.end < end || p.text != text[p.at:p.end] || bytes > 0 && len(p.text) > bytes || runes > 0 && utf8.RuneCountInString(p.text) > runes {
				t.Fatalf("%q %d %d: %+v after %d", text, runes, bytes, p, end)
			}
			end = p.end
		}
		if end != len(text) {
			t.Fatalf("%q: ends at %d", text, end)
		}
	})
}
