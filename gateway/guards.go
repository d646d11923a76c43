package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/privacy"
	"github.com/hegui/hegui/service"
	"github.com/hegui/hegui/users"
)

// Guard is one step of every exchange. Guards run in the order of Guards; each lets the call pass or interrupts it.
type Guard struct {
	Name string
	Does string // for the console and the docs
	// Mode picks the service's choice: observe lets pass what enforce would interrupt, on_error says what happens when
	// the guard itself cannot work. Nil: always enforced, always closed.
	Mode func(service.Modes) service.Mode
	run  func(context.Context, *Gateway, *call) *Interruption
}

// Guards is the whole way of an exchange, in order. Those before "begin" run before any model is asked; those after it
// run on the answer, chunk by chunk while it streams (output.go), and nothing is delivered that has not passed them.
func Guards() []Guard {
	return []Guard{
		{Name: "authenticate", Does: "finds the key, and with it application and service", run: authenticate},
		{Name: "read", Does: "reads and scans the request; what cannot be screened is refused", run: read},
		{Name: "agreement", Does: "no generation before the user has accepted the agreement in force (Art 9)", run: agreement},
		{Name: "standing", Does: "a suspended user is turned away with reason and appeal (Art 14)", run: standing},
		{Name: "limits", Does: "requests a minute for each user", run: limits},
		{Name: "route", Does: "only models that the service has put in force (Art 7, 17)", run: route},
		{Name: "function", Does: "keeps functions off until their assessment is recorded, asks for consents, and knows whether the public may be confused (Deep Synthesis Provisions Art 14, 15, 17)", run: functions},
		{Name: "privacy_in", Does: "masks personal information before the model sees it (Art 11)", Mode: privacyMode, run: privacyIn},
		{Name: "moderate_in", Does: "screens every text of the input; the policy says what a hit leads to (Art 4)", Mode: moderateInMode, run: moderateIn},
		{Name: "answers", Does: "gives questions that have one their approved answer (代答) in place of the model's (Art 4, 14)", run: approvedAnswer},
		{Name: "begin", Does: "makes the intent durable while the model thinks; nothing leaves before (Art 14, 19)"},
		{Name: "moderate_out", Does: "screens every channel of the answer while it streams; the policy says what a hit leads to (Art 4, 14)", Mode: moderateOutMode},
		{Name: "privacy_out", Does: "masks personal information in the answer (Art 11)", Mode: privacyMode},
		{Name: "label", Does: "marks generated content, explicitly and for machines (Art 12)", Mode: func(m service.Modes) service.Mode { return m.Label }},
		{Name: "record", Does: "makes the final record durable before the last byte leaves (Art 14, 19)"},
	}
}

func moderateInMode(m service.Modes) service.Mode { return m.ModerateIn }

func privacyMode(m service.Modes) service.Mode { return m.Privacy }

// admit runs the guards that come before the model.
func (g *Gateway) admit(ctx context.Context, c *call) *Interruption {
	for i := range g.guards {
		guard := &g.guards[i]
		if guard.run == nil {
			break
		}
		if in := g.guarded(ctx, guard, c); in != nil {
			c.stopped = guard.Name
			return in
		}
	}
	return nil
}

// guarded runs one guard. A guard that panics could not do its work: that is an outcome of its own, which follows the
// service's declared rule and is recorded, never a silent pass.
func (g *Gateway) guarded(ctx context.Context, guard *Guard, c *call) (in *Interruption) {
	defer func() {
		if p := recover(); p != nil {
			in = g.outage(c, guard.Name, guard.Mode, fmt.Errorf("panic: %v", p))
		}
	}()
	return guard.run(ctx, g, c)
}

// outage records that a guard could not work and applies the declared rule.
func (g *Gateway) outage(c *call, name string, mode func(service.Modes) service.Mode, err error) *Interruption {
	rule := "closed"
	if mode != nil && mode(c.service.Modes).OnError == "open" {
		rule = "open"
	}
	c.outages = append(c.outages, exchange.Outage{Guard: name, Rule: rule, Error: err.Error()})
	g.metrics.outages.WithLabelValues(name, rule).Inc()
	g.degraded(c, name, rule, err)
	if rule == "open" {
		return nil
	}
	return guardUnavailable(name)
}

func authenticate(ctx context.Context, g *Gateway, c *call) *Interruption {
	if p, ok := ctx.Value(probeKey{}).(*probeCall); ok { // hegui's own self-test, which has no key
		c.key, c.service = service.Key{ID: "probe", Service: p.service.ID, Application: exchange.ProbeApplication}, p.service
		c.watches = g.signalSets.of(c.service)
		return nil
	}
	scheme, secret, ok := strings.Cut(c.r.Header.Get("Authorization"), " ")
	if !ok || secret == "" || !strings.EqualFold(scheme, "Bearer") {
		return problem(http.StatusUnauthorized, "invalid_key", "", "no key was sent; send Authorization: Bearer hg-…")
	}
	key, err := g.o.Services.Authenticate(ctx, strings.TrimSpace(secret), c.started)
	switch {
	case errors.Is(err, service.ErrUnknownKey):
		return problem(http.StatusUnauthorized, "invalid_key", "", "this key is not known here; check it for a copying mistake or ask the operator for a new one")
	case errors.Is(err, service.ErrExpiredKey):
		return problem(http.StatusUnauthorized, "key_expired", "", "this key has expired; ask the operator for a new one")
	case errors.Is(err, service.ErrRevokedKey):
		return problem(http.StatusUnauthorized, "key_revoked", "", "this key has been revoked; ask the operator for a new one")
	case err != nil:
		return unavailable("key_unavailable", "keys cannot be looked up at the moment")
	}
	c.key = key
	c.service, ok = g.o.Services.Service(key.Service)
	if !ok {
		return unavailable("service_unavailable", "the service of this key is not in force")
	}
	c.watches = g.signalSets.of(c.service)
	if g.o.Heightened != nil {
		if profile, measure, ok := g.o.Heightened(ctx, c.service.ID); ok {
			c.service.Profile, c.heightened = profile, measure
		}
	}
	return nil
}

func unavailable(code, what string) *Interruption {
	in := problem(http.StatusServiceUnavailable, code, "", what+"; try again in a moment")
	in.Retry = 2 * time.Second
	return in
}

func read(_ context.Context, g *Gateway, c *call) *Interruption {
	if in := readBody(c.w, c.r, c.service.MaxBodyBytes, &c.body); in != nil {
		return in
	}
	c.request.probe = c.probe
	raw := c.body.Bytes()
	if c.op.form && !(c.op.media == "video" && !strings.HasPrefix(c.r.Header.Get("Content-Type"), "multipart/")) { // films are asked for in either form
		var in *Interruption
		if c.form, in = readForm(c.r.Header.Get("Content-Type"), raw); in != nil {
			return in
		}
		raw = c.form.json()
	}
	if in := c.request.parse(c.op, raw); in != nil {
		return in
	}
	if in := c.takeFiles(g.o.Film); in != nil {
		return in
	}
	c.stream = c.request.stream
	name := c.r.Header.Get("X-Hegui-User")
	if name == "" {
		name = c.request.user
	}
	if name == "" {
		name = "app:" + c.key.Application
	}
	c.name = name
	return nil
}

// agreement covers users the application names and the application itself, which may have a signed contract instead.
func agreement(ctx context.Context, g *Gateway, c *call) *Interruption {
	var err error
	if c.user, err = g.o.Users.Find(ctx, c.service.ID, c.name); err != nil {
		var invalid *users.InvalidError
		if errors.As(err, &invalid) {
			return problem(http.StatusBadRequest, "invalid_request", "user", "the user name is not usable: "+invalid.Mend)
		}
		return unavailable("record_unavailable", "users cannot be looked up at the moment")
	}
	if c.vaultKey, err = g.o.Vault.Subject(ctx, c.user.Subject); err != nil {
		if c.user.Standing == "erased" {
			return nil // standing says it better
		}
		return unavailable("record_unavailable", "the record cannot be written at the moment, and nothing is generated without one")
	}
	if c.service.Agreement == "" {
		return problem(http.StatusForbidden, "agreement_missing", "", "this service has no agreement in force, so it generates nothing; the operator puts one in force in the configuration (services.agreement)")
	}
	if c.user.Accepted == c.service.Agreement || c.probe && c.name == probeUser || c.key.Contract != "" && c.name == "app:"+c.key.Application {
		return nil
	}
	in := problem(http.StatusForbidden, "agreement_required", "", "")
	in.Link = g.o.PortalURL() + "/accept?t=" + g.o.Users.Ticket(c.user.Subject, c.service.Agreement, c.started)
	in.Message = "the user has not accepted the service agreement in force (Art 9 of the Interim Measures); open " + in.Link + " , accept it, and send the same request again"
	in.Reason = "the agreement in force has not been accepted"
	return in
}

func standing(_ context.Context, g *Gateway, c *call) *Interruption {
	if c.user.Standing == "erased" {
		return problem(http.StatusForbidden, "user_erased", "user", "this user's account was erased on request; use another user name")
	}
	if !c.user.Suspended(c.started) {
		return nil
	}
	in := problem(http.StatusForbidden, "user_suspended", "", "")
	in.Link = g.appeal(c)
	in.More = map[string]any{"decision": c.user.Decision, "appeal": in.Link}
	until := "until it is lifted"
	if !c.user.SuspendedUntil.IsZero() {
		until = "until " + c.user.SuspendedUntil.UTC().Format(time.RFC3339)
		in.More["until"] = c.user.SuspendedUntil.UTC().Format(time.RFC3339)
	}
	in.Message = fmt.Sprintf("this user is suspended %s. Reason: %s. Decision %s. Appeal: %s", until, c.user.Reason, c.user.Decision, in.Link)
	in.Reason = "the user is suspended by decision " + c.user.Decision
	return in
}

func limits(_ context.Context, g *Gateway, c *call) *Interruption {
	if c.service.RequestsPerMinute <= 0 {
		return nil
	}
	wait := g.limiter.wait(c.user.Subject, c.service.RequestsPerMinute, c.started)
	if wait == 0 {
		return nil
	}
	in := problem(http.StatusTooManyRequests, "rate_limited", "", fmt.Sprintf("more than %d requests a minute by this user; try again in %s", c.service.RequestsPerMinute, wait.Round(time.Second)))
	in.Retry = wait
	return in
}

func route(_ context.Context, g *Gateway, c *call) *Interruption {
	asked := string(c.request.doc.text(c.request.model))
	for _, r := range c.service.Models {
		if r.Name == asked {
			c.route = r
			return nil
		}
	}
	return problem(http.StatusNotFound, "model_not_found", "model", fmt.Sprintf("the model %q is not in force for this service; GET /v1/models lists those that are", clip(asked, 80)))
}

// privacyIn masks what the model does not need to know. The edits are what is sent, screened and kept.
func privacyIn(_ context.Context, g *Gateway, c *call) *Interruption {
	for _, who := range c.request.who { // the model's provider learns the pseudonym, never the application's name for the user
		n := c.request.doc.nodes[who]
		c.edits = append(c.edits, edit{int(n.start), int(n.end), appendJSON(nil, []byte(c.user.Subject))})
	}
	defer func() { sortEdits(c.edits) }()
	mode := c.service.Privacy.In
	if mode == "off" {
		return nil
	}
	mask := mode == "mask" && c.service.Modes.Privacy.Act != "observe"
	looked := 0
	for _, t := range c.request.texts {
		if t.key || slices.Contains(c.request.who, t.node) {
			continue
		}
		text := c.request.doc.text(t.node)
		looked += len(text)
		masking := privacy.Mask
		if looksJSON(text) || strings.HasSuffix(t.channel, "arguments") {
			masking = privacy.MaskJSON // a star would break a number
		}
		masked, spans := masking(c.scratch[:0], text)
		c.scratch = masked[:0]
		for _, s := range spans {
			c.found(exchange.Finding{Where: "in", Channel: t.channel, Category: string(s.Kind), Tier: "mask", Detector: "privacy", Artefact: privacy.Version, Start: s.Start, End: s.End})
		}
		if len(spans) > 0 && mask {
			n := c.request.doc.nodes[t.node]
			c.edits = append(c.edits, edit{int(n.start), int(n.end), appendJSON(nil, masked)})
			c.masked = true
		}
	}
	c.checked.Privacy = max(c.checked.Privacy, 0) + looked
	return nil
}

// looksJSON tells whether a text is, by its first character, meant for a parser.
func looksJSON(text []byte) bool {
	text = bytes.TrimLeft(text, " \t\r\n")
	return len(text) > 0 && (text[0] == '{' || text[0] == '[')
}
