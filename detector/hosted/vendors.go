package hosted

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hegui/hegui/moderation"
)

// Vendor tells of a service that can be asked.
type Vendor struct {
	ID, Name, Source   string
	MaxRunes, MaxBytes int // of one call; 0: the other counts
}

// vendor is how one is asked and read.
type vendor struct {
	Vendor
	labels             string // in labels.yaml
	keyID, secret      bool   // must be given
	project            string // what it is called there; empty: there is none
	maxRunes, maxBytes int
	address            func(Settings) string
	request            func(context.Context, *Check, moderation.Query, string) (*http.Request, error)
	read               func([]byte) ([]verdict, error)
}

func fixed(address string) func(Settings) string { return func(Settings) string { return address } }

// vendors is the whole table. Limits are those of the vendors' documents.
func vendors() map[string]vendor {
	list := []vendor{
		{Vendor: Vendor{ID: "alibaba", Name: "Alibaba Cloud TextModerationPlus", Source: "Alibaba Cloud, content moderation 2.0, TextModerationPlus (2022-03-02)"},
			labels: "alibaba", keyID: true, secret: true, maxRunes: 2000, address: alibabaAddress, request: alibabaRequest("TextModerationPlus", "llm_query_moderation,llm_response_moderation"), read: readAlibabaPlus},
		{Vendor: Vendor{ID: "alibaba-guard", Name: "Alibaba Cloud MultiModalGuard", Source: "Alibaba Cloud, AI guardrails, MultiModalGuard (2022-03-02)"},
			labels: "alibaba", keyID: true, secret: true, maxRunes: 2000, address: alibabaAddress, request: alibabaRequest("MultiModalGuard", "query_security_check,response_security_check"), read: readAlibabaGuard},
		{Vendor: Vendor{ID: "tencent", Name: "Tencent Cloud TMS", Source: "Tencent Cloud, TextModeration (2020-12-29)"},
			labels: "tencent", keyID: true, secret: true, maxRunes: 10000, address: fixed("https://tms.tencentcloudapi.com"), request: tencentRequest, read: readTencent},
		{Vendor: Vendor{ID: "baidu", Name: "Baidu text censor", Source: "Baidu AI, text_censor v2 user_defined"},
			labels: "baidu", keyID: true, secret: true, maxBytes: 20000, address: fixed("https://aip.baidubce.com"), request: baiduRequest, read: readBaidu},
		{Vendor: Vendor{ID: "huawei", Name: "Huawei Cloud text moderation v3", Source: "Huawei Cloud Moderation, RunTextModeration (v3)"},
			labels: "huawei", keyID: true, secret: true, project: "project id", maxRunes: 1500, address: func(s Settings) string {
				return "https://moderation." + cmp.Or(s.Region, "cn-north-4") + ".myhuaweicloud.com"
			}, request: huaweiRequest, read: readHuawei},
		{Vendor: Vendor{ID: "volcengine", Name: "Volcengine content security, text", Source: "Volcengine, TextRisk (2022-01-26), as its Python kit calls it; its labels are numbers and only some are in the table"},
			labels: "volcengine", keyID: true, secret: true, project: "app id", maxRunes: 10000, address: fixed("https://riskcontrol.volcengineapi.com"), request: volcengineRequest, read: readVolcengine},
		{Vendor: Vendor{ID: "openai", Name: "OpenAI /v1/moderations, or what speaks it", Source: "OpenAI API reference, moderations"},
			labels: "openai", maxRunes: 8000, address: fixed("https://api.openai.com/v1"), request: openaiRequest, read: readOpenAI},
	}
	table := map[string]vendor{}
	for _, v := range list {
		v.MaxRunes, v.MaxBytes = v.maxRunes, v.maxBytes
		table[v.ID] = v
	}
	return table
}

func vendorIDs() []string { return slices.Sorted(maps.Keys(vendors())) }

// Vendors lists what can be asked, by id.
func Vendors() []Vendor {
	table := vendors()
	var out []Vendor
	for _, id := range vendorIDs() {
		out = append(out, table[id].Vendor)
	}
	return out
}

func alibabaAddress(s Settings) string {
	return "https://green-cip." + cmp.Or(s.Region, "cn-shanghai") + ".aliyuncs.com"
}

func alibabaRequest(action, services string) func(context.Context, *Check, moderation.Query, string) (*http.Request, error) {
	return func(ctx context.Context, c *Check, q moderation.Query, text string) (*http.Request, error) {
		in, out, _ := strings.Cut(cmp.Or(c.s.Service, services), ",")
		service := in
		if q.Scene.Direction == "out" && out != "" {
			service = out
		}
		parameters, err := json.Marshal(map[string]string{"content": text})
		if err != nil {
			return nil, err
		}
		body := []byte(url.Values{"ServiceParameters": {string(parameters)}}.Encode())
		r, err := post(ctx, strings.TrimSuffix(c.base.String(), "/")+"/?"+url.Values{"Service": {strings.TrimSpace(service)}}.Encode(), body, "application/x-www-form-urlencoded")
		if err == nil {
			signAlibaba(r, body, c.s.KeyID, c.s.Secret, action, "2022-03-02", c.nonce(), c.now())
		}
		return r, err
	}
}

type alibabaResult struct {
	Label      string   `json:"Label"`
	Confidence *float64 `json:"Confidence"`
}

// readAlibabaPlus reads RiskLevel, and what the services with security_check add: AttackLevel and SensitiveLevel (S0 to S4). High, S3 and
// S4 block, lower ones ask for review.
func readAlibabaPlus(body []byte) ([]verdict, error) {
	var a struct {
		Code int `json:"Code"`
		Data struct {
			RiskLevel       *string         `json:"RiskLevel"`
			Result          []alibabaResult `json:"Result"`
			AttackLevel     string          `json:"AttackLevel"`
			AttackResult    []alibabaResult `json:"AttackResult"`
			SensitiveLevel  string          `json:"SensitiveLevel"`
			SensitiveResult []alibabaResult `json:"SensitiveResult"`
		} `json:"Data"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("the answer has another shape: %w", err)
	}
	switch {
	case a.Code == 588 || a.Code == 429:
		return nil, errThrottled
	case a.Code != 200:
		return nil, fmt.Errorf("the service refused the call: %s", said(body))
	}
	if a.Data.RiskLevel == nil {
		return nil, errors.New("the answer has no risk level")
	}
	var out []verdict
	for _, part := range []struct {
		level, unnamed string
		results        []alibabaResult
	}{{*a.Data.RiskLevel, "unnamed", a.Data.Result}, {a.Data.AttackLevel, "promptAttack", a.Data.AttackResult}, {a.Data.SensitiveLevel, "sensitiveData", a.Data.SensitiveResult}} {
		switch strings.ToLower(part.level) {
		case "", "none", "s0":
			for _, v := range alibabaVerdicts(part.results, false) { // what is named counts although the level is none
				if v.label != "unnamed" {
					out = append(out, verdict{cmp.Or(strings.TrimPrefix(part.unnamed, "unnamed"), v.label), v.score, false})
				}
			}
			continue
		case "low", "medium", "high", "s1", "s2", "s3", "s4":
		default:
			return nil, fmt.Errorf("the answer has the risk level %.40q", part.level)
		}
		for _, v := range alibabaVerdicts(part.results, part.level == "high" || part.level == "S3" || part.level == "S4") {
			if part.unnamed != "unnamed" || v.label == "unnamed" { // what an attack is called there is not in the table
				v.label = part.unnamed
			}
			out = append(out, v)
		}
	}
	return out, nil
}

func alibabaVerdicts(list []alibabaResult, blocks bool) []verdict {
	var out []verdict
	for _, r := range list {
		if r.Label != "" && r.Label != "nonLabel" && r.Label != "safe" {
			out = append(out, verdict{r.Label, confidence(r.Confidence), blocks})
		}
	}
	if len(out) == 0 {
		out = []verdict{{"unnamed", 1, blocks}}
	}
	return out
}

// confidence is a vendor's 0 to 100 as 0 to 1; one that gives none, or what is no such number, is sure.
func confidence(percent *float64) float64 {
	if percent == nil || *percent < 0 || *percent > 100 {
		return 1
	}
	return *percent / 100
}

// readAlibabaGuard reads Suggestion and Detail of MultiModalGuard.
func readAlibabaGuard(body []byte) ([]verdict, error) {
	var a struct {
		Code int `json:"Code"`
		Data struct {
			Suggestion string `json:"Suggestion"`
			Detail     []struct {
				Type       string          `json:"Type"`
				Suggestion string          `json:"Suggestion"`
				Result     []alibabaResult `json:"Result"`
			} `json:"Detail"`
		} `json:"Data"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("the answer has another shape: %w", err)
	}
	switch {
	case a.Code == 588 || a.Code == 429:
		return nil, errThrottled
	case a.Code != 200:
		return nil, fmt.Errorf("the service refused the call: %s", said(body))
	}
	var out []verdict
	for _, d := range a.Data.Detail {
		switch d.Suggestion {
		case "pass", "":
		case "watch", "block", "mask":
			for _, v := range alibabaVerdicts(d.Result, d.Suggestion == "block") {
				if v.label == "unnamed" || d.Type != "contentModeration" {
					v.label = d.Type
				}
				out = append(out, v)
			}
		default:
			return nil, fmt.Errorf("the answer suggests %.40q", d.Suggestion)
		}
	}
	switch a.Data.Suggestion {
	case "pass", "watch":
		return out, nil
	case "block", "mask":
		if len(out) == 0 {
			out = []verdict{{"unnamed", 1, a.Data.Suggestion == "block"}}
		}
		return out, nil
	}
	return nil, fmt.Errorf("the answer suggests %.40q", a.Data.Suggestion)
}

func tencentRequest(ctx context.Context, c *Check, _ moderation.Query, text string) (*http.Request, error) {
	fields := map[string]string{"Content": base64.StdEncoding.EncodeToString([]byte(text)), "Type": "TEXT"} // TEXT_AIGC asks whether a model wrote it
	if c.s.Service != "" {
		fields["BizType"] = c.s.Service
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	r, err := post(ctx, strings.TrimSuffix(c.base.String(), "/")+"/", body, "application/json")
	if err == nil {
		signTencent(r, body, c.s.KeyID, c.s.Secret, "tms", "TextModeration", "2020-12-29", cmp.Or(c.s.Region, "ap-guangzhou"), c.now())
	}
	return r, err
}

func readTencent(body []byte) ([]verdict, error) {
	var a struct {
		Response struct {
			Error         *struct{ Code string }
			Suggestion    string
			Label         string
			SubLabel      string
			Score         *float64
			DetailResults []struct {
				Label, Suggestion string
				Score             *float64
			}
		}
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("the answer has another shape: %w", err)
	}
	x := a.Response
	switch {
	case x.Error != nil && strings.HasPrefix(x.Error.Code, "RequestLimitExceeded"):
		return nil, errThrottled
	case x.Error != nil:
		return nil, fmt.Errorf("the service refused the call: code %.60s", x.Error.Code)
	}
	var out []verdict
	for _, d := range x.DetailResults {
		switch d.Suggestion {
		case "Pass":
		case "Block", "Review":
			out = append(out, verdict{d.Label, confidence(d.Score), d.Suggestion == "Block"})
		default:
			return nil, fmt.Errorf("a detail of the answer suggests %.40q", d.Suggestion)
		}
	}
	switch x.Suggestion {
	case "Pass":
		return out, nil
	case "Block", "Review":
		if len(out) == 0 {
			out = []verdict{{cmp.Or(x.Label, "unnamed"), confidence(x.Score), x.Suggestion == "Block"}}
		}
		return out, nil
	}
	return nil, fmt.Errorf("the answer suggests %.40q", x.Suggestion)
}

func baiduRequest(ctx context.Context, c *Check, _ moderation.Query, text string) (*http.Request, error) {
	base := strings.TrimSuffix(c.base.String(), "/")
	token, err := c.token.get(c.now(), func() (string, time.Duration, error) {
		r, err := post(ctx, base+"/oauth/2.0/token?"+url.Values{"grant_type": {"client_credentials"}, "client_id": {c.s.KeyID}, "client_secret": {c.s.Secret}}.Encode(), nil, "application/json")
		if err != nil {
			return "", 0, err
		}
		body, err := c.send(r)
		if err != nil {
			return "", 0, fmt.Errorf("token: %w", err)
		}
		var a struct {
			Token   string `json:"access_token"`
			Seconds int64  `json:"expires_in"`
		}
		if json.Unmarshal(body, &a) != nil || a.Token == "" || a.Seconds <= 0 {
			return "", 0, fmt.Errorf("the service gives no token: %s", said(body))
		}
		return a.Token, time.Duration(a.Seconds) * time.Second, nil
	})
	if err != nil {
		return nil, err
	}
	return post(ctx, base+"/rest/2.0/solution/v1/text_censor/v2/user_defined?access_token="+url.QueryEscape(token), []byte(url.Values{"text": {text}}.Encode()), "application/x-www-form-urlencoded")
}

// errToken is a refused token; another is fetched once.
var errToken = errors.New("the service refuses the token, a fresh one too")

// baiduAllowed is the type of what stands on the operator's own list of allowed words there.
const baiduAllowed = 14

func readBaidu(body []byte) ([]verdict, error) {
	var a struct {
		ErrorCode int `json:"error_code"`
		Type      int `json:"conclusionType"`
		Data      []struct {
			Type    int `json:"type"`
			SubType int `json:"subType"`
			Verdict int `json:"conclusionType"`
			Hits    []struct {
				Probability *float64 `json:"probability"`
			} `json:"hits"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("the answer has another shape: %w", err)
	}
	switch a.ErrorCode {
	case 0:
	case 4, 17, 18, 19:
		return nil, errThrottled
	case 100, 110, 111:
		return nil, errToken
	default:
		return nil, fmt.Errorf("the service refused the call: code %d", a.ErrorCode)
	}
	if a.Type < 1 || a.Type > 3 { // 4: it failed
		return nil, fmt.Errorf("the service could not judge the text: conclusion %d", a.Type)
	}
	var out []verdict
	for _, d := range a.Data {
		if d.Type == baiduAllowed || d.Verdict == 1 || a.Type == 1 && d.Verdict == 0 { // what is found counts although the whole is called compliant
			continue
		}
		score := 1.0
		if len(d.Hits) > 0 && d.Hits[0].Probability != nil {
			score = *d.Hits[0].Probability
		}
		out = append(out, verdict{fmt.Sprintf("%d/%d", d.Type, d.SubType), score, a.Type == 2 || d.Verdict == 2})
	}
	if len(out) == 0 && a.Type != 1 {
		out = []verdict{{"unnamed", 1, a.Type == 2}}
	}
	return out, nil
}

func huaweiRequest(ctx context.Context, c *Check, _ moderation.Query, text string) (*http.Request, error) {
	fields := map[string]any{"event_type": "comment", "data": map[string]string{"text": text, "language": "zh"}}
	if c.s.Service != "" {
		fields["biz_type"] = c.s.Service // it says what to look for
	} else {
		fields["categories"] = []string{"terrorism", "porn", "ban", "abuse", "ad", "politics"} // without them politics is left out
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	r, err := post(ctx, strings.TrimSuffix(c.base.String(), "/")+"/v3/"+url.PathEscape(c.s.Project)+"/moderation/text", body, "application/json")
	if err == nil {
		signHuawei(r, body, c.s.KeyID, c.s.Secret, c.now())
	}
	return r, err
}

func readHuawei(body []byte) ([]verdict, error) {
	var a struct {
		ErrorCode string `json:"error_code"`
		Result    *struct {
			Suggestion string `json:"suggestion"`
			Label      string `json:"label"`
			Details    []struct {
				Suggestion string   `json:"suggestion"`
				Label      string   `json:"label"`
				Confidence *float64 `json:"confidence"`
			} `json:"details"`
		} `json:"result"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("the answer has another shape: %w", err)
	}
	switch {
	case a.ErrorCode == "APIG.0308":
		return nil, errThrottled
	case a.ErrorCode != "" || a.Result == nil:
		return nil, fmt.Errorf("the service refused the call: %s", said(body))
	}
	var out []verdict
	for _, d := range a.Result.Details {
		switch d.Suggestion {
		case "pass":
		case "block", "review":
			score := 1.0
			if d.Confidence != nil {
				score = *d.Confidence
			}
			out = append(out, verdict{d.Label, score, d.Suggestion == "block"})
		default:
			return nil, fmt.Errorf("a detail of the answer suggests %.40q", d.Suggestion)
		}
	}
	switch a.Result.Suggestion {
	case "pass":
		return out, nil
	case "block", "review":
		if len(out) == 0 {
			out = []verdict{{cmp.Or(a.Result.Label, "unnamed"), 1, a.Result.Suggestion == "block"}}
		}
		return out, nil
	}
	return nil, fmt.Errorf("the answer suggests %.40q", a.Result.Suggestion)
}

func volcengineRequest(ctx context.Context, c *Check, _ moderation.Query, text string) (*http.Request, error) {
	parameters, err := json.Marshal(map[string]any{"operate_time": c.now().Unix(), "text": text, "account_id": c.nonce()}) // it must be there; a new one joins no calls
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]any{"AppId": json.Number(c.s.Project), "Service": cmp.Or(c.s.Service, "text_risk"), "Parameters": string(parameters)})
	if err != nil {
		return nil, fmt.Errorf("project %.40q: is no number", c.s.Project)
	}
	r, err := post(ctx, strings.TrimSuffix(c.base.String(), "/")+"/?Action=TextRisk&Version=2022-01-26", body, "application/json")
	if err == nil {
		signVolcengine(r, body, c.s.KeyID, c.s.Secret, "BusinessSecurity", cmp.Or(c.s.Region, "cn-north-1"), c.now())
	}
	return r, err
}

func readVolcengine(body []byte) ([]verdict, error) {
	var a struct {
		Metadata struct{ Error *struct{ Code string } } `json:"ResponseMetadata"`
		Result   *struct {
			Code int
			Data struct {
				Decision      string
				DecisionLabel string
				Results       []struct {
					Label    string
					Decision string
				}
			}
		}
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("the answer has another shape: %w", err)
	}
	switch {
	case a.Metadata.Error != nil && strings.Contains(a.Metadata.Error.Code, "FlowLimit"):
		return nil, errThrottled
	case a.Metadata.Error != nil:
		return nil, fmt.Errorf("the service refused the call: code %.60s", a.Metadata.Error.Code)
	case a.Result == nil || a.Result.Code != 0:
		return nil, errors.New("the service could not judge the text")
	}
	d := a.Result.Data
	decision := strings.ToUpper(d.Decision)
	if decision != "PASS" && decision != "BLOCK" && decision != "REVIEW" {
		return nil, fmt.Errorf("the answer decides %.40q", d.Decision)
	}
	var out []verdict
	for _, r := range d.Results { // what is found counts although the whole is let pass
		own := strings.ToUpper(r.Decision)
		if r.Label != "" && own != "PASS" && (decision != "PASS" || own == "BLOCK" || own == "REVIEW") {
			out = append(out, verdict{r.Label, 1, decision == "BLOCK" || own == "BLOCK"})
		}
	}
	if len(out) == 0 && decision != "PASS" {
		out = []verdict{{cmp.Or(d.DecisionLabel, "unnamed"), 1, decision == "BLOCK"}}
	}
	return out, nil
}

func openaiRequest(ctx context.Context, c *Check, _ moderation.Query, text string) (*http.Request, error) {
	body, err := json.Marshal(map[string]string{"model": cmp.Or(c.s.Service, "omni-moderation-latest"), "input": text})
	if err != nil {
		return nil, err
	}
	r, err := post(ctx, strings.TrimSuffix(c.base.String(), "/")+"/moderations", body, "application/json")
	if err == nil && c.s.Secret != "" {
		r.Header.Set("Authorization", "Bearer "+c.s.Secret)
	}
	return r, err
}

func readOpenAI(body []byte) ([]verdict, error) {
	var a struct {
		Error   any `json:"error"`
		Results []struct {
			Flagged    *bool              `json:"flagged"`
			Categories map[string]bool    `json:"categories"`
			Scores     map[string]float64 `json:"category_scores"`
		} `json:"results"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("the answer has another shape: %w", err)
	}
	if a.Error != nil || len(a.Results) != 1 || a.Results[0].Flagged == nil {
		return nil, errors.New("the service refused the call, or gave another number of results than one")
	}
	r := a.Results[0]
	var out []verdict
	for _, name := range slices.Sorted(maps.Keys(r.Categories)) {
		if r.Categories[name] {
			score, ok := r.Scores[name]
			if !ok {
				score = 1
			}
			if score < 0 || score > 1 {
				return nil, errors.New("a score in the answer is no number from 0 to 1")
			}
			out = append(out, verdict{name, score, true})
		}
	}
	if *r.Flagged && len(out) == 0 {
		out = []verdict{{"unnamed", 1, true}}
	}
	return out, nil
}
