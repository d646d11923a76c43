package detector

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/hegui/hegui/moderation"
)

// Guard asks one guard model. It keeps nothing between checks; New puts cache, prices and breaker around it.
type Guard struct {
	s        Settings
	profile  Profile
	in, out  *reader
	asks     []Question
	artefact string
	about    moderation.Description
	url      string
	client   *http.Client
	mark     []byte // key of the marks
}

// NewGuard checks the settings. Errors name the field, the value and the mend.
func NewGuard(s Settings) (*Guard, error) {
	g := &Guard{s: s, mark: make([]byte, 32)}
	fail := func(field string, err error) (*Guard, error) {
		return nil, fmt.Errorf("detector %q: %s: %w", s.Name, field, err)
	}
	var err error
	if g.profile, err = ProfileByID(s.Profile); err != nil {
		return fail("profile", err)
	}
	base, err := url.Parse(s.URL)
	switch {
	case err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "":
		return fail("url", errors.New("write an address up to and without /chat/completions, for instance http://127.0.0.1:8000/v1"))
	case base.User != nil:
		return fail("url", errors.New("it carries a user or password: name a file or variable with the key instead"))
	}
	g.url = strings.TrimSuffix(s.URL, "/") + "/chat/completions"
	if s.Model == "" {
		return fail("model", errors.New("name the model as the endpoint knows it"))
	}
	if strings.IndexFunc(s.Key, func(r rune) bool { return r <= ' ' || r >= 0x7f }) >= 0 {
		return fail("key", errors.New("it holds a space, a line break or another character that no header may carry: check for a stray line end"))
	}
	switch {
	case g.profile.Policy == "required" && strings.TrimSpace(s.Policy) == "":
		return fail("policy_file", fmt.Errorf("profile %s judges by a policy of your own; name the file with its text", s.Profile))
	case g.profile.Policy == "" && s.Policy != "":
		return fail("policy_file", fmt.Errorf("profile %s takes no policy; leave it out", s.Profile))
	case g.profile.Policy == "risks" && s.Policy == "":
		g.s.Policy = riskPolicy()
	}
	if g.asks, err = g.profile.choose(s.Asks); err != nil {
		return fail("asks", err)
	}
	if s.Threshold < 0 || s.Threshold > 1 {
		return fail("threshold", fmt.Errorf("%v: use 0 to 1", s.Threshold))
	}
	if s.MaxChars < 0 || s.MaxChars > 0 && s.MaxChars < 100 {
		return fail("max_chars", fmt.Errorf("%d: give at least 100", s.MaxChars))
	}
	if s.MaxPieces < 0 {
		return fail("max_pieces", fmt.Errorf("%d: cannot be negative", s.MaxPieces))
	}
	if s.Tier != "" && s.Tier != moderation.Block && s.Tier != moderation.Signal && s.Tier != moderation.Observe {
		return fail("tier", fmt.Errorf("%q: use block, signal or observe", s.Tier))
	}
	g.s.Threshold = cmp.Or(s.Threshold, DefaultThreshold)
	g.s.MaxChars = cmp.Or(s.MaxChars, g.profile.MaxChars)
	g.s.MaxPieces = cmp.Or(s.MaxPieces, DefaultMaxPieces)
	g.s.Context = max(cmp.Or(s.Context, DefaultContext), 0)
	g.s.Timeout = cmp.Or(s.Timeout, DefaultTimeout)
	g.about = moderation.Description{Name: s.Name, Kind: Kind, Window: s.Window, Context: g.s.Context, Timeout: g.s.Timeout, OnError: s.OnError,
		Exposed: moderation.Exposure{Sync: s.Sync}}
	if err := g.about.Validate(); err != nil {
		return nil, err
	}
	if g.in, err = newReader(g.profile, g.profile.Read, g.s.Threshold, s.Tier); err != nil {
		return nil, err
	}
	g.out = g.in
	if g.profile.ReadOut != nil {
		if g.out, err = newReader(g.profile, *g.profile.ReadOut, g.s.Threshold, s.Tier); err != nil {
			return nil, err
		}
	}
	if g.artefact, err = artefact("guard", g.profile, s.URL, s.Model, g.s.Policy, g.asks, g.s.Threshold, s.Tier, g.s.MaxChars, g.s.Context); err != nil {
		return nil, err
	}
	if _, err := rand.Read(g.mark); err != nil {
		return nil, fmt.Errorf("detector: %w", err)
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost, t.ResponseHeaderTimeout = 16, g.s.Timeout
	g.client = &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return g, nil
}

// choose picks the questions to ask.
func (p Profile) choose(ids []string) ([]Question, error) {
	if len(p.Asks) == 0 {
		if len(ids) > 0 {
			return nil, fmt.Errorf("profile %s asks about everything in one call; leave it out", p.ID)
		}
		return []Question{{}}, nil
	}
	var out []Question
	for _, a := range p.Asks {
		if slices.Contains(ids, a.ID) || len(ids) == 0 && a.Base {
			out = append(out, a)
		}
	}
	for _, id := range ids {
		if !slices.ContainsFunc(p.Asks, func(a Question) bool { return a.ID == id }) {
			var known []string
			for _, a := range p.Asks {
				known = append(known, a.ID)
			}
			return nil, fmt.Errorf("%q: profile %s asks about %s", id, p.ID, strings.Join(known, ", "))
		}
	}
	return out, nil
}

// Describe implements moderation.Detector.
func (g *Guard) Describe() moderation.Description { return g.about }

// Check implements moderation.Detector.
func (g *Guard) Check(ctx context.Context, q moderation.Query) (moderation.Judgement, error) {
	j, _, err := g.Judge(ctx, q)
	return j, err
}

// Source is the guard as New takes it.
func (g *Guard) Source() Source {
	return Source{About: g.about, Artefact: g.artefact, Judge: g.Judge, Estimate: g.estimate}
}

// estimate is what a check will use, told before it.
func (g *Guard) estimate(q moderation.Query) Usage {
	n := int64(utf8.RuneCount(q.Text))
	calls := int64(len(pieces(q.Text, g.s.MaxChars, maxOverlap)) * len(g.asks))
	return Usage{Calls: calls, Chars: n * int64(len(g.asks)), In: n*int64(len(g.asks)) + calls*int64(g.profile.Overhead), Out: calls * min(g.profile.maxTokens(), 64)}
}

// Judge checks a text and tells what that has used, also when it failed.
func (g *Guard) Judge(ctx context.Context, q moderation.Query) (moderation.Judgement, Usage, error) {
	j := moderation.Judgement{Outcome: moderation.Clear, Artefact: g.artefact}
	if len(bytes.TrimSpace(q.Text)) == 0 {
		return j, Usage{}, nil
	}
	parts := pieces(q.Text, g.s.MaxChars, maxOverlap)
	if n := len(parts) * len(g.asks); n > g.s.MaxPieces {
		j.Outcome, j.TooLong = moderation.Unavailable, true
		j.Reason = fmt.Sprintf("the text has %d characters and needs %d calls; max_pieces is %d", utf8.RuneCount(q.Text), n, g.s.MaxPieces)
		return j, Usage{}, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		found []moderation.Detection
		used  Usage
		err   error
	}
	answers := make([]answer, len(parts)*len(g.asks))
	var wait sync.WaitGroup
	room := make(chan struct{}, callsAtOnce)
	for i := range answers {
		room <- struct{}{}
		wait.Go(func() {
			defer func() { <-room }()
			at := parts[i/len(g.asks)]
			text := string(q.Text[at.start:at.end])
			if at.start == 0 && q.Scene.Direction == "out" { // a window of an answer is judged with what stands before it
				text = string(lastRunes(q.Context, g.s.Context)) + text
			}
			a := &answers[i]
			a.found, a.used, a.err = g.ask(ctx, q.Scene.Direction, text, g.asks[i%len(g.asks)])
			for k := range a.found {
				a.found[k].Start, a.found[k].End = at.start, at.end
			}
			if a.err != nil && g.s.OnError == moderation.Hold {
				cancel() // the rest cannot change the outcome
			}
		})
	}
	wait.Wait()
	var used Usage
	var failed error
	for _, a := range answers {
		used.add(a.used)
		j.Findings = append(j.Findings, a.found...)
		if a.err != nil && (failed == nil || errors.Is(failed, context.Canceled)) {
			failed = a.err
		}
	}
	switch {
	case failed != nil && (len(j.Findings) == 0 || g.s.OnError == moderation.Hold):
		j.Outcome, j.Findings, j.Reason = moderation.Unavailable, nil, failed.Error()
	case len(j.Findings) > 0: // a finding counts although another piece could not be judged and would be let pass
		j.Outcome = moderation.Found
		if failed != nil {
			j.Reason = "not all of the text was judged: " + failed.Error()
		}
	}
	return j, used, nil
}

// markOf is a mark that whoever wrote the text could not foresee.
func (g *Guard) markOf(text string) string {
	h := hmac.New(sha256.New, g.mark)
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// ask is one call.
func (g *Guard) ask(ctx context.Context, direction, text string, ask Question) ([]moderation.Detection, Usage, error) {
	mark := g.markOf(text)
	return g.put(ctx, direction, text, "", ask, mark)
}

// pictured is the text of a question about a picture.
const pictured = "（要判断的是这张图片，包括图中的文字。The image, with the words in it, is what is to be judged.）"

// JudgePicture checks a picture, as a data: address. The model must be one that sees; one that does not will answer about the words around it,
// which is why a check of a picture that is known to be harmful belongs to setting one up.
func (g *Guard) JudgePicture(ctx context.Context, direction, address string) (moderation.Judgement, Usage, error) {
	j := moderation.Judgement{Outcome: moderation.Clear, Artefact: g.artefact}
	var used Usage
	for _, ask := range g.asks {
		found, u, err := g.put(ctx, direction, pictured, address, ask, g.markOf(address))
		used.add(u)
		if err != nil {
			return j, used, err
		}
		j.Findings = append(j.Findings, found...)
	}
	if len(j.Findings) > 0 {
		j.Outcome = moderation.Found
	}
	return j, used, nil
}

// put puts a question and reads the answer.
func (g *Guard) put(ctx context.Context, direction, text, picture string, ask Question, mark string) ([]moderation.Detection, Usage, error) {
	messages := g.profile.messages(direction, text, g.s.Policy, ask, mark)
	body, err := g.profile.request(g.s.Model, messages, picture, ask)
	if err != nil {
		return nil, Usage{}, err
	}
	if err := ctx.Err(); err != nil {
		return nil, Usage{}, err
	}
	used := Usage{Calls: 1, Chars: int64(utf8.RuneCountInString(text))}
	raw, worked, err := g.call(ctx, body)
	if err != nil {
		if worked {
			g.bill(&used, completion{}, messages)
		}
		return nil, used, err
	}
	c, err := parseCompletion(raw)
	if err != nil {
		g.bill(&used, c, messages)
		return nil, used, err
	}
	g.bill(&used, c, messages)
	r := g.in
	if direction == "out" {
		r = g.out
	}
	found, err := r.findings(c, ask, mark)
	return found, used, err
}

// bill counts the tokens of a call: those that the endpoint tells, as far as the text can need them. No tokenizer makes more
// tokens than there are bytes; what is told beyond that is kept apart.
func (g *Guard) bill(used *Usage, c completion, messages []Message) {
	size, runes := int64(0), int64(0)
	for _, m := range messages {
		size += int64(len(m.Content)) + 16
		runes += int64(utf8.RuneCountInString(m.Content))
	}
	if c.Usage == nil || c.Usage.In < 0 || c.Usage.Out < 0 || c.Usage.In == 0 {
		used.Estimated++
		used.In, used.Out = runes+int64(g.profile.Overhead), min(g.profile.maxTokens(), 64)
		return
	}
	used.In, used.Out = min(c.Usage.In, size+int64(g.profile.Overhead)), min(c.Usage.Out, g.profile.maxTokens())
	if used.OverIn, used.OverOut = c.Usage.In-used.In, c.Usage.Out-used.Out; used.OverIn > 0 || used.OverOut > 0 {
		used.Over++
	}
}

// call sends a question and returns the answer's body. worked tells, with an error, that the endpoint may have worked all the same and
// may ask to be paid. Errors hold neither key nor content.
func (g *Guard) call(ctx context.Context, body []byte) (raw []byte, worked bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url, bytes.NewReader(body))
	if err != nil {
		return nil, false, errors.New("the request could not be made")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	if g.s.Key != "" {
		r.Header.Set("Authorization", "Bearer "+g.s.Key)
	}
	began := time.Now()
	resp, err := g.client.Do(r)
	if err != nil {
		var dial *net.OpError
		return nil, !errors.As(err, &dial) || dial.Op != "dial", plainFailure(ctx, err, began)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, true, plainFailure(ctx, err, began)
	case resp.StatusCode != http.StatusOK:
		return nil, resp.StatusCode >= 500, fmt.Errorf("the endpoint answered with HTTP %d", resp.StatusCode)
	case len(raw) > maxAnswer:
		return nil, true, cannotRead("it is longer than %d bytes", maxAnswer)
	}
	return raw, true, nil
}

// plainFailure says what went wrong with a call, without the address's details.
func plainFailure(ctx context.Context, err error, began time.Time) error {
	if ctx.Err() != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return fmt.Errorf("no answer within %s: %w", time.Since(began).Round(time.Millisecond), ctx.Err())
		}
		return fmt.Errorf("the check was ended: %w", ctx.Err())
	}
	var u *url.Error
	if errors.As(err, &u) {
		if u.Timeout() { // the client's own clock, which runs beside the check's
			return fmt.Errorf("no answer within %s: %w", time.Since(began).Round(time.Millisecond), u.Err)
		}
		err = u.Err
	}
	return fmt.Errorf("the endpoint could not be reached: %w", err)
}
