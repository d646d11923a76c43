// Package hosted asks the text moderation services that cloud vendors sell: Alibaba Cloud, Tencent Cloud, Baidu, Huawei Cloud, Volcengine, and
// whatever speaks OpenAI's /v1/moderations (Art 4, 14). Requests follow the vendors' public documents; signatures were compared with
// the vendors' own software kits. No call was ever made to a vendor's real service from here.
//
// A check sends users' words to a third party: see docs/en/hosted-checks.md before one is put in force. An answer that cannot be read is an
// outage with a reason, never a clear; a text longer than a vendor takes is sent in overlapping pieces, never cut off; a label that the
// table does not know counts as the vendor's default risk.
package hosted

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/hegui/hegui/internal/strictjson"
	"github.com/hegui/hegui/moderation"
)

// Kind is what rows of a policy ask for.
const Kind = "hosted"

// Bounds. Ours.
const (
	DefaultTimeout   = 3 * time.Second
	DefaultMaxPieces = 32
	overlap          = 64 // characters that neighbouring pieces have in common
	maxAnswer        = 256 << 10
)

// Settings of a Check.
type Settings struct {
	Name      string // as operators know it
	Vendor    string // see Vendors
	URL       string // in place of the vendor's own address
	Region    string // of the vendor; empty: its usual one
	KeyID     string // access key id, secret id or client id
	Secret    string // or, for openai, the bearer token
	Project   string // huawei: project id; volcengine: app id
	Service   string // alibaba: services for input and output, with a comma; tencent: BizType; huawei: biz_type; openai: the model
	Tier      moderation.Tier
	MaxPieces int // calls about one text; 0: DefaultMaxPieces
	Window    int // characters of a streaming answer judged together; 0: moderation.DefaultWindow
	Sync      bool
	Timeout   time.Duration
	OnError   moderation.OnError
}

// Check asks one vendor. It is a moderation.Detector. Safe for concurrent use.
type Check struct {
	s        Settings
	v        vendor
	base     *url.URL
	labels   labels
	client   *http.Client
	artefact string
	now      func() time.Time
	nonce    func() string
	token    tokens
}

// New checks the settings.
func New(s Settings) (*Check, error) {
	v, ok := vendors()[s.Vendor]
	if !ok {
		return nil, fmt.Errorf("vendor %q: use one of %s", s.Vendor, strings.Join(vendorIDs(), ", "))
	}
	if v.keyID && s.KeyID == "" {
		return nil, errors.New("key_id: is empty; give the vendor's access key id")
	}
	if s.Secret == "" && v.secret {
		return nil, errors.New("secret: is empty; give the vendor's access key secret")
	}
	if v.project != "" && s.Project == "" {
		return nil, fmt.Errorf("project: is empty; give the %s", v.project)
	}
	if _, err := strconv.ParseUint(s.Project, 10, 64); s.Vendor == "volcengine" && err != nil {
		return nil, fmt.Errorf("project %.40q: give the app id, a number", s.Project)
	}
	if s.MaxPieces < 0 || s.Timeout < 0 || s.Window < 0 {
		return nil, errors.New("max_pieces, timeout and window cannot be negative")
	}
	if s.Tier != "" && s.Tier != moderation.Block && s.Tier != moderation.Signal && s.Tier != moderation.Observe {
		return nil, fmt.Errorf("tier %q: use block, signal or observe", s.Tier)
	}
	if s.URL == "" {
		s.URL = v.address(s)
	}
	base, err := url.Parse(s.URL)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, fmt.Errorf("url %q: write an address that begins with https://", s.URL)
	}
	if base.Scheme == "http" && !onThisMachine(base.Hostname()) { // keys and what people wrote would go in the clear
		return nil, fmt.Errorf("url %q: use https://; http:// only reaches a proxy on this machine (127.0.0.1, [::1], localhost)", s.URL)
	}
	table, err := labelTable()
	if err != nil {
		return nil, err
	}
	if s.MaxPieces == 0 {
		s.MaxPieces = DefaultMaxPieces
	}
	if s.Timeout == 0 {
		s.Timeout = DefaultTimeout
	}
	c := &Check{s: s, v: v, base: base, labels: table[v.labels], now: time.Now, nonce: func() string { return rand.Text() },
		client: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("the service redirects, which it should not")
		}}}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%s\x00%s\x00%x", s.Vendor, s.URL, s.Region, s.Service, s.Tier, sha256.Sum256(labelsYAML)))
	c.artefact = hex.EncodeToString(sum[:])
	return c, c.Describe().Validate()
}

// Describe implements moderation.Detector.
func (c *Check) Describe() moderation.Description {
	return moderation.Description{Name: c.s.Name, Kind: Kind, Window: c.s.Window, Exposed: moderation.Exposure{Sync: c.s.Sync}, Timeout: c.s.Timeout, OnError: c.s.OnError}
}

// Artefact is the hash of everything on this side that answers depend on; what a vendor changes is not seen.
func (c *Check) Artefact() string { return c.artefact }

// Check implements moderation.Detector.
func (c *Check) Check(ctx context.Context, q moderation.Query) (moderation.Judgement, error) {
	j, _, err := c.Judge(ctx, q)
	return j, err
}

// Used is what a check has used, also when it failed.
type Used struct {
	Calls int64
	Chars int64
}

// Estimate tells what Judge will use on a text, before it does.
func (c *Check) Estimate(q moderation.Query) Used {
	var used Used
	pieces := cut(string(q.Text), c.v.maxRunes, c.v.maxBytes)
	if len(pieces) > c.s.MaxPieces { // it will refuse
		return used
	}
	for _, p := range pieces {
		used.count(p)
	}
	return used
}

// count adds a piece, and tells whether it is one to be asked about.
func (u *Used) count(p piece) bool {
	if strings.TrimSpace(p.text) == "" {
		return false
	}
	u.Calls++
	u.Chars += int64(len([]rune(p.text)))
	return true
}

// Judge asks about a text, in as many pieces as it takes.
func (c *Check) Judge(ctx context.Context, q moderation.Query) (moderation.Judgement, Used, error) {
	j := moderation.Judgement{Outcome: moderation.Clear, Artefact: c.artefact}
	var used Used
	var failed error
	pieces := cut(string(q.Text), c.v.maxRunes, c.v.maxBytes)
	if len(pieces) > c.s.MaxPieces {
		j.Outcome, j.TooLong = moderation.Unavailable, true
		j.Reason = fmt.Sprintf("the text takes %d calls; max_pieces is %d", len(pieces), c.s.MaxPieces)
		return j, used, nil
	}
	for _, p := range pieces {
		if !used.count(p) {
			continue
		}
		found, err := c.ask(ctx, q, strings.ToValidUTF8(p.text, "\ufffd"))
		switch {
		case err != nil && (c.s.OnError == moderation.Hold || ctx.Err() != nil && len(j.Findings) == 0):
			return j, used, err
		case err != nil:
			if failed == nil {
				failed = err
			}
		}
		for _, f := range found {
			j.Outcome = moderation.Found
			j.Findings = append(j.Findings, c.detection(f, p))
		}
	}
	switch {
	case failed != nil && len(j.Findings) == 0:
		return j, used, failed
	case failed != nil: // a finding counts although another piece could not be judged and would be let pass
		j.Reason = "not all of the text was judged: " + failed.Error()
	}
	return j, used, nil
}

// detection is a vendor's word on a piece in ours.
func (c *Check) detection(f verdict, p piece) moderation.Detection {
	risk, subject, known := c.labels.of(f.label)
	reason := f.vendorWords()
	if !known {
		reason += "; this label is not in the table, so it counts as " + risk
	}
	tier := c.s.Tier
	if tier == "" {
		tier = moderation.Signal
	}
	if subject { // it names what is talked about, not a harm: refusing for it would refuse ordinary people
		tier = moderation.Observe
	}
	severity := 3
	if f.blocks {
		severity = 4
	}
	return moderation.Detection{Category: risk, Tier: tier, Severity: severity, Score: min(max(f.score, 0), 1), Start: p.at, End: p.end, Reason: reason}
}

// verdict is what a vendor found.
type verdict struct {
	label  string
	score  float64 // 0 to 1
	blocks bool    // the vendor would block; otherwise it asks for review
}

func (v verdict) vendorWords() string {
	word := "review"
	if v.blocks {
		word = "block"
	}
	return fmt.Sprintf("%s, label %.60s", word, v.label)
}

// errThrottled is a vendor's no for asking too often.
var errThrottled = errors.New("the service takes no more calls for now")

// ask puts one question.
func (c *Check) ask(ctx context.Context, q moderation.Query, text string) ([]verdict, error) {
	for again := false; ; again = true {
		r, err := c.v.request(ctx, c, q, text)
		if err != nil {
			return nil, err
		}
		body, err := c.send(r)
		if err != nil {
			return nil, err
		}
		found, err := c.v.read(body)
		if !errors.Is(err, errToken) || again {
			return found, err
		}
		c.token.drop()
	}
}

// send makes a call and returns the body of its answer, whatever JSON stands in it. Errors hold no key and no text.
func (c *Check) send(r *http.Request) ([]byte, error) {
	resp, err := c.client.Do(r)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) { // its address may carry a token
			err = wrapped.Err
		}
		return nil, fmt.Errorf("the service cannot be reached: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the answer broke off: %w", err)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	case resp.StatusCode == http.StatusTooManyRequests:
		return nil, errThrottled
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if !json.Valid(body) {
		return nil, fmt.Errorf("the service answered with status %d and no JSON (%.40s)", resp.StatusCode, kind)
	}
	if err := strictjson.Check(body); err != nil {
		return nil, fmt.Errorf("the answer cannot be read: %w", err)
	}
	if resp.StatusCode >= 500 {
		return nil, fmt.Errorf("the service answered with status %d: %s", resp.StatusCode, said(body))
	}
	return body, nil
}

// said is the code of an error answer, without its message, which may repeat the text.
func said(body []byte) string {
	var e struct {
		Code      any `json:"code"`
		CodeUpper any `json:"Code"`
		ErrorCode any `json:"error_code"`
		Error     any `json:"error"`
	}
	_ = json.Unmarshal(body, &e)
	for _, v := range []any{e.Code, e.CodeUpper, e.ErrorCode} {
		if v != nil {
			return fmt.Sprintf("code %.60v", v)
		}
	}
	return "no code"
}

// piece is a part of a text that a vendor takes at once.
type piece struct {
	text    string
	at, end int // bytes of the whole
}

// cut takes a text apart into overlapping pieces of at most so many characters and bytes; 0: no limit.
func cut(text string, maxRunes, maxBytes int) []piece {
	if maxRunes == 0 {
		maxRunes = len(text) + 1
	}
	if maxBytes == 0 {
		maxBytes = len(text) + 1
	}
	var out []piece
	for at := 0; ; {
		n, end := 0, at
		for i := 0; at+i < len(text); i = end - at {
			_, size := utf8.DecodeRuneInString(text[at+i:])
			if n >= maxRunes || i+size > maxBytes {
				break
			}
			n, end = n+1, at+i+size
		}
		out = append(out, piece{text[at:end], at, end})
		if end >= len(text) || end == at {
			return out
		}
		back := end
		for range min(overlap, n/2) {
			_, size := utf8.DecodeLastRuneInString(text[at:back])
			back -= size
		}
		at = back
	}
}

// tokens keeps a vendor's access token until shortly before it runs out.
type tokens struct {
	mu    sync.Mutex
	value string
	until time.Time
}

// get returns the token, fetching one when there is none.
func (t *tokens) get(now time.Time, fetch func() (string, time.Duration, error)) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value != "" && now.Before(t.until) {
		return t.value, nil
	}
	value, lasts, err := fetch()
	if err != nil {
		return "", err
	}
	t.value, t.until = value, now.Add(lasts-lasts/10)
	return value, nil
}

// drop forgets a token that was refused.
func (t *tokens) drop() {
	t.mu.Lock()
	t.value = ""
	t.mu.Unlock()
}

func post(ctx context.Context, address string, body []byte, contentType string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Accept", "application/json")
	return r, nil
}

func onThisMachine(host string) bool {
	at, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && at.IsLoopback()
}
