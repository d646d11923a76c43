package service

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/label/mark"
	"github.com/hegui/hegui/moderation/signals"
)

// Defaults is a service with every setting at its default and nothing of its own yet: no names, models or agreement.
// The refusal texts neither lecture nor repeat what was asked.
func Defaults(id string) Service {
	enforce := Mode{Act: "enforce", OnError: "closed"}
	return Service{
		ID:             id,
		Label:          label.End,
		LabelLang:      "zh",
		Refusal:        "message",
		RefusalZH:      "抱歉，这个请求无法处理。您可以换一种说法，或询问其他问题。如有异议，可通过服务说明页面提出申诉。",
		RefusalEN:      "Sorry, this request cannot be handled. You may rephrase it or ask something else. If you disagree, you can appeal on the page about this service.",
		OnViolation:    "stop",
		Signals:        &Signals{On: []string{signals.Jailbreak, signals.Leak, signals.Repetition}},
		Media:          Media{Unchecked: "refuse", Mark: "bottom-right", Hours: 1},
		Privacy:        PrivacyMode{In: "mask", Out: "mask"},
		Modes:          Modes{ModerateIn: enforce, ModerateOut: enforce, Privacy: enforce, Label: enforce},
		KeepContent:    true,
		ContentDays:    180,
		CancelUpstream: true,
		MaxBodyBytes:   4 << 20,
	}
}

// TextID is the id of a text: the hex SHA-256 of service, kind, number and both wordings, each preceded by its length.
func TextID(t Text) string {
	h := sha256.New()
	for _, s := range []string{t.Service, t.Kind, t.Number, t.ZH, t.EN} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil))
}

var (
	idShape     = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	regionShape = regexp.MustCompile(`^[A-Z]{2}$`)
	codeShape   = regexp.MustCompile(`^[0-9A-Z]{27}$`)
)

// checker gathers everything that is wrong with a declaration.
type checker struct {
	bad   Invalid
	where string
}

func (c *checker) fail(field, value, mend string, args ...any) {
	c.bad = append(c.bad, &InvalidError{Where: c.where, Field: field, Value: value, Mend: fmt.Sprintf(mend, args...)})
}

func (c *checker) oneOf(field, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		c.fail(field, value, "use one of %s", strings.Join(allowed, ", "))
	}
}

func (c *checker) filled(field, value, mend string) {
	if strings.TrimSpace(value) == "" {
		c.fail(field, value, "%s", mend)
	} else if !utf8.ValidString(value) {
		c.fail(field, value, "must be valid UTF-8")
	}
}

func (c *checker) id(field, value string) {
	if !idShape.MatchString(value) {
		c.fail(field, value, "use 1 to 63 lower-case letters, digits and hyphens, beginning with a letter or digit")
	}
}

// inForce is what a declaration may refer to without containing it.
type inForce struct {
	texts map[string]Text // by id
}

// Check tells what is wrong with a declaration by itself, without anything in force to compare it with: nil, or Invalid.
func (d Declaration) Check(now time.Time) error {
	_, err := prepare(d, inForce{}, now)
	return err
}

// prepare returns d with everything computed that can be computed (provider code, text ids, versions), or Invalid.
func prepare(d Declaration, old inForce, now time.Time) (Declaration, error) {
	c := &checker{}
	d.Services, d.Models, d.Texts = slices.Clone(d.Services), slices.Clone(d.Models), slices.Clone(d.Texts)
	c.provider(&d.Provider)
	models := c.models(d.Models)
	texts := c.texts(d.Texts, d.Services, old, now)
	seen := map[string]bool{}
	for i := range d.Services {
		s := &d.Services[i]
		c.where = fmt.Sprintf("service %q", s.ID)
		if c.id("id", s.ID); seen[s.ID] {
			c.fail("id", s.ID, "two services have this id; give each its own")
		}
		seen[s.ID] = true
		c.service(s, models, texts, d.Endpoints)
	}
	if len(c.bad) > 0 {
		return d, c.bad
	}
	for i := range d.Models {
		d.Models[i].Version = ""
		d.Models[i].Version = version(d.Models[i])
	}
	for i := range d.Services {
		d.Services[i].Version = ""
		d.Services[i].Version = version(d.Services[i])
	}
	return d, nil
}

// version is the content hash of a declaration. Marshalling plain structs of strings and numbers cannot fail.
func version(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("service: %T does not marshal: %v", v, err))
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func (c *checker) provider(p *Provider) {
	c.where = "provider"
	c.filled("name_zh", p.NameZH, "give the registered Chinese name of the legal person")
	c.filled("name_en", p.NameEN, "give an English name")
	switch {
	case p.USCC == "" && p.Code == "":
		c.fail("uscc", "", "give the 18-character unified social credit code (统一社会信用代码); labels carry it (GB 45438-2025)")
	case p.Code == "":
		code, err := label.ProviderCode(p.USCC, "")
		if err != nil {
			c.fail("uscc", p.USCC, "%v", err)
		}
		p.Code = code
	default:
		if !codeShape.MatchString(p.Code) {
			c.fail("code", p.Code, "has %d characters; a provider code (TC260-PG-20252A) has 27 digits and capital letters", len(p.Code))
		} else if err := label.Produced(p.Code, "1").Validate(); err != nil {
			c.fail("code", p.Code, "%v", err)
		} else if p.USCC != "" && p.Code[4:22] != p.USCC {
			c.fail("code", p.Code, "does not carry the credit code %s; leave code empty to have it composed", p.USCC)
		}
		if p.USCC != "" {
			if _, err := label.ProviderCode(p.USCC, ""); err != nil {
				c.fail("uscc", p.USCC, "%v", err)
			}
		}
	}
}

func (c *checker) models(models []Model) map[string]bool {
	ids := map[string]bool{}
	for _, m := range models {
		c.where = fmt.Sprintf("model %q", m.ID)
		if c.id("id", m.ID); ids[m.ID] {
			c.fail("id", m.ID, "two models have this id; give each its own")
		}
		ids[m.ID] = true
		c.filled("name_zh", m.NameZH, "give the Chinese name shown to the public")
		c.filled("name_en", m.NameEN, "give the English name shown to the public")
		c.filled("vendor", m.Vendor, "say who made the model")
		if !regionShape.MatchString(m.Region) {
			c.fail("region", m.Region, "use CN, or the two capital letters (ISO 3166) of the place where the model runs")
		}
		if n := utf8.RuneCountInString(m.FilingNo); n > 64 || strings.TrimSpace(m.FilingNo) != m.FilingNo {
			c.fail("filing_no", m.FilingNo, "write the number as published, without blanks around it, at most 64 characters; empty when there is none")
		}
		if m.FilingURL != "" {
			if u, err := url.Parse(m.FilingURL); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
				c.fail("filing_url", m.FilingURL, "give the full http(s) address of the announcement")
			}
			if m.FilingNo == "" {
				c.fail("filing_no", "", "an announcement is linked in filing_url; give the number it announces")
			}
		}
		if m.Sample && m.FilingNo != "" {
			c.fail("filing_no", m.FilingNo, "the built-in sample model has no filing; leave it empty")
		}
	}
	return ids
}

// texts fills in ids and returns what agreements may be named by: id and number, per service.
func (c *checker) texts(texts []Text, services []Service, old inForce, now time.Time) map[string]string {
	named := map[string]string{}
	name := func(t Text) {
		named[t.Service+"\x00"+t.ID] = t.ID
		named[t.Service+"\x00"+t.Number] = t.ID
	}
	byNumber := map[string]Text{}
	for _, t := range old.texts {
		name(t)
		byNumber[t.Service+"\x00"+t.Kind+"\x00"+t.Number] = t
	}
	for i := range texts {
		t := &texts[i]
		c.where = fmt.Sprintf("service %q", t.Service)
		if !slices.ContainsFunc(services, func(s Service) bool { return s.ID == t.Service }) {
			c.fail("agreement.service", t.Service, "no such service is declared")
		}
		c.oneOf("agreement.kind", t.Kind, "agreement")
		if n := len(t.Number); n == 0 || n > 64 || strings.TrimSpace(t.Number) != t.Number {
			c.fail("agreement.number", t.Number, "give the version as people cite it, e.g. 2026-11, at most 64 bytes")
		}
		c.filled("agreement.zh", t.ZH, "the Chinese text is empty")
		c.filled("agreement.en", t.EN, "the English text is empty")
		id := TextID(*t)
		if t.ID != "" && t.ID != id {
			c.fail("agreement.id", t.ID, "is not the hash of the text (%s); leave it empty to have it computed", id)
		}
		t.ID = id
		t.Effective = t.Effective.UTC().Truncate(time.Millisecond)
		before, known := byNumber[t.Service+"\x00"+t.Kind+"\x00"+t.Number]
		switch {
		case known && before.ID != id:
			c.fail("agreement.number", t.Number, "this number is already in force with another wording, and texts are never changed; give the new wording a new number")
		case known && !t.Effective.IsZero() && !t.Effective.Equal(before.Effective):
			c.fail("agreement.effective", t.Effective.Format(time.RFC3339), "version %s took effect on %s and is never changed", t.Number, before.Effective.Format(time.RFC3339))
		case t.Effective.After(now):
			c.fail("agreement.effective", t.Effective.Format(time.RFC3339), "lies in the future; keep the earlier version until then and put this one in force on the day")
		case known:
			t.Effective = before.Effective
		case t.Effective.IsZero():
			t.Effective = now.UTC().Truncate(time.Millisecond)
		}
		byNumber[t.Service+"\x00"+t.Kind+"\x00"+t.Number] = *t
		name(*t)
	}
	return named
}

// Operations are those of the gateway that a function can cover.
func Operations() []string {
	return []string{"chat", "completion", "image", "image_edit", "image_variation", "speech", "video"}
}

func (c *checker) functions(s *Service) {
	seen := map[string]bool{}
	for i, f := range s.Functions {
		at := fmt.Sprintf("functions[%d].", i)
		if c.id(at+"id", f.ID); seen[f.ID] {
			c.fail(at+"id", f.ID, "two functions have this id; give each its own")
		}
		seen[f.ID] = true
		c.filled(at+"name_zh", f.NameZH, "give the Chinese name")
		c.filled(at+"name_en", f.NameEN, "give the English name")
		c.oneOf(at+"class", f.Class, "dialogue", "voice", "face", "scene", "other")
		if len(f.Operations) == 0 {
			c.fail(at+"operations", "", "name at least one of %s", strings.Join(Operations(), ", "))
		}
		for _, op := range f.Operations {
			c.oneOf(at+"operations", op, Operations()...)
		}
		for _, m := range f.Models {
			if !slices.ContainsFunc(s.Models, func(r Route) bool { return r.Name == m }) {
				c.fail(at+"models", m, "the service has no model of this name")
			}
		}
		c.oneOf(at+"biometric", f.Biometric, "", "face", "voice", "special")
		switch {
		case f.Biometric == "" && (f.Class == "voice" || f.Class == "face" || slices.Contains(f.Operations, "speech")):
			c.fail(at+"biometric", "", "a function that generates or edits faces or voices is one of Art 15 of the Deep Synthesis Provisions; write face or voice")
		case f.Consent && f.Biometric != "face" && f.Biometric != "voice":
			c.fail(at+"consent", "true", "consent of Art 14 is for edits of faces and voices; write biometric: face or voice, or leave it out")
		}
	}
	if s.Attested && s.Label != label.UI {
		c.fail("label.attested", "true", "belongs to label.place ui")
	}
}

func (c *checker) service(s *Service, models map[string]bool, texts map[string]string, endpoints []string) {
	c.filled("name_zh", s.NameZH, "give the Chinese name shown to the public")
	c.filled("name_en", s.NameEN, "give the English name shown to the public")
	c.oneOf("label.place", string(s.Label), string(label.Start), string(label.End), string(label.UI))
	c.oneOf("label.lang", s.LabelLang, "zh", "en")
	c.functions(s)
	c.oneOf("refusal.as", s.Refusal, "message", "error")
	c.filled("refusal.zh", s.RefusalZH, "give the Chinese text that users see instead of a refused answer")
	c.filled("refusal.en", s.RefusalEN, "give the English text that users see instead of a refused answer")
	if s.History != "" {
		c.oneOf("refusal.history", s.History, "heal", "refuse", "pass")
	}
	c.oneOf("on_violation", s.OnViolation, "stop", "retract", "replace")
	if s.Profile != "" {
		c.id("profile", s.Profile)
	}
	c.signals(s.Signals)
	c.answers(s)
	if s.Media.Unchecked != "" {
		c.oneOf("media.unchecked", s.Media.Unchecked, "refuse", "pass")
	}
	if s.Media.Mark != "" {
		var positions []string
		for _, p := range mark.Positions() {
			positions = append(positions, string(p))
		}
		c.oneOf("media.mark", s.Media.Mark, positions...)
	}
	if s.Media.Hours < 0 || s.Media.Hours > 168 {
		c.fail("media.hours", strconv.Itoa(s.Media.Hours), "use 1 to 168 hours")
	}
	c.oneOf("privacy.in", s.Privacy.In, "off", "observe", "mask")
	c.oneOf("privacy.out", s.Privacy.Out, "off", "observe", "mask")
	for _, m := range []struct {
		name string
		mode Mode
	}{{"moderate_in", s.Modes.ModerateIn}, {"moderate_out", s.Modes.ModerateOut}, {"privacy", s.Modes.Privacy}, {"label", s.Modes.Label}} {
		c.oneOf("modes."+m.name+".act", m.mode.Act, "enforce", "observe")
		c.oneOf("modes."+m.name+".on_error", m.mode.OnError, "closed", "open")
	}
	if s.ContentDays < 0 || (s.KeepContent && s.ContentDays == 0) {
		c.fail("content_days", strconv.Itoa(s.ContentDays), "give the number of days content is kept, at least 1, or set keep_content to false")
	}
	if s.RequestsPerMinute < 0 {
		c.fail("limits.requests_per_minute", strconv.Itoa(s.RequestsPerMinute), "give a positive number, or 0 for no limit")
	}
	if s.MaxBodyBytes < 1024 || s.MaxBodyBytes > 256<<20 {
		c.fail("limits.max_body_bytes", strconv.FormatInt(s.MaxBodyBytes, 10), "use 1024 to 268435456 bytes")
	}
	if s.Agreement != "" {
		if id, ok := texts[s.ID+"\x00"+s.Agreement]; ok {
			s.Agreement = id
		} else {
			c.fail("agreement", s.Agreement, "this service has no text with this id or number; declare it, or leave it empty (then nothing is generated)")
		}
	}
	c.routes(s.Models, models, endpoints)
}

func (c *checker) answers(s *Service) {
	a := s.Answers
	if a.Act != "" {
		c.oneOf("answers.act", a.Act, "enforce", "observe", "off")
	}
	if a.Near != "" {
		c.oneOf("answers.near", a.Near, "pass", "draft")
	}
	if a.Near == "draft" && !slices.ContainsFunc(s.Models, func(r Route) bool { return r.Name == a.Model }) {
		c.fail("answers.model", a.Model, "name the model of this service that drafts near answers, or set answers.near to pass")
	}
}

func (c *checker) routes(routes []Route, models map[string]bool, endpoints []string) {
	if len(routes) == 0 {
		c.fail("models", "", "name at least one model that may be asked for")
	}
	names := map[string]bool{}
	for i, r := range routes {
		at := fmt.Sprintf("models[%d]", i)
		if r.Name == "" || len(r.Name) > 128 || strings.ContainsFunc(r.Name, func(x rune) bool { return x <= ' ' }) {
			c.fail(at+".name", r.Name, "give the name clients ask for: at most 128 bytes, no blanks")
		}
		if names[r.Name] {
			c.fail(at+".name", r.Name, "is offered twice; name each model once and give it several targets")
		}
		names[r.Name] = true
		if !models[r.Model] {
			c.fail(at+".model", r.Model, "no model with this id is declared under models")
		}
		if len(r.Targets) == 0 {
			c.fail(at+".targets", "", "name at least one upstream where the model can be had")
		}
		for k, t := range r.Targets {
			field := fmt.Sprintf("%s.targets[%d]", at, k)
			if t.Endpoint == "" || (endpoints != nil && !slices.Contains(endpoints, t.Endpoint)) {
				c.fail(field+".endpoint", t.Endpoint, "no upstream with this name is declared; there are: %s", strings.Join(endpoints, ", "))
			}
			if t.Model == "" {
				c.fail(field+".model", t.Model, "give the model's name at this upstream")
			}
		}
	}
}
