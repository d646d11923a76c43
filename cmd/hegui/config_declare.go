package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/lexicon"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/service"
	"github.com/hegui/hegui/upstream"
)

var nodeShape = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// beijing is where days begin for the law. PRC time has had no summer time since 1991.
var beijing = time.FixedZone("Asia/Shanghai", 8*3600)

// dsn returns the database to open; data is the resolved data directory.
func (c configFile) dsn(data string) (string, error) {
	switch {
	case c.Database.DSNFile != "":
		dsn, err := c.secret(c.Database.DSNFile)
		if err != nil {
			return "", c.explain(fault{"database.dsn_file", err.Error()})
		}
		return dsn, nil
	case c.Database.DSN != "":
		return c.Database.DSN, nil
	}
	return "sqlite:" + data + "/hegui.db", nil
}

// endpoints reads the upstreams with their keys.
func (c configFile) endpoints() ([]upstream.Endpoint, error) {
	var out []upstream.Endpoint
	for i, u := range c.Upstreams {
		e := upstream.Endpoint{Name: u.Name, BaseURL: u.URL, Header: u.Headers, Connect: time.Duration(u.Connect),
			FirstByte: time.Duration(u.FirstByte), Idle: time.Duration(u.Idle),
			Breaker: upstream.Breaker{Failures: u.BreakerFailures, Pause: time.Duration(u.BreakerPause)}}
		for _, r := range u.Refusals {
			e.Refusals = append(e.Refusals, r.row(u.Name))
		}
		if u.KeyFile != "" {
			key, err := c.secret(u.KeyFile)
			if err != nil {
				return nil, c.explain(fault{fmt.Sprintf("upstreams[%d].key_file", i), err.Error()})
			}
			e.Key = key
		}
		out = append(out, e)
	}
	return out, nil
}

// lists reads the starter entries and the configured lists.
func (c configFile) lists() ([]lexicon.List, error) {
	lists := []lexicon.List{{Origin: lexicon.Starter, Entries: moderation.StarterEntries()}}
	for i, l := range c.Lexicons {
		at := fmt.Sprintf("lexicons[%d]", i)
		b, err := os.ReadFile(c.file(l.File))
		if err != nil {
			return nil, c.explain(fault{at + ".file", err.Error()})
		}
		list, err := lexicon.Read(l.File, b, moderation.ImportOptions{Category: l.Category, Tier: moderation.Tier(l.Tier), Strict: true})
		if err != nil {
			return nil, c.explain(fault{at, err.Error()})
		}
		lists = append(lists, lexicon.List{Origin: lexicon.Configuration, Entries: list.Entries})
	}
	return lists, nil
}

// lexicon compiles the starter entries and the configured lists, without the register's.
func (c configFile) lexicon() (*moderation.Lexicon, error) {
	l, err := (&lexicon.Workbench{Base: c.lists}).Compile(nil, time.Now())
	if err != nil {
		return nil, c.explain(fault{"lexicons", err.Error()})
	}
	return l, nil
}

// declaration turns the configuration into what is put in force, reading the agreement files.
func (c configFile) declaration() (service.Declaration, error) {
	p := c.Provider
	d := service.Declaration{
		Provider:  service.Provider{NameZH: p.NameZH, NameEN: p.NameEN, USCC: p.USCC, Code: p.Code, Contact: p.Contact},
		Endpoints: []string{},
	}
	for _, u := range c.Upstreams {
		d.Endpoints = append(d.Endpoints, u.Name)
	}
	for _, m := range c.Models {
		d.Models = append(d.Models, service.Model{ID: m.ID, NameZH: m.NameZH, NameEN: m.NameEN, Vendor: m.Vendor, Region: m.Region,
			FilingNo: m.FilingNo, FilingURL: m.FilingURL, Sample: m.Sample})
	}
	for i, s := range c.Services {
		v := s.service()
		var err error
		if v.Signals, err = c.signals(fmt.Sprintf("services[%d]", i), s.Signals); err != nil {
			return d, err
		}
		if s.Agreement.Number != "" {
			t, err := c.agreement(i)
			if err != nil {
				return d, err
			}
			d.Texts = append(d.Texts, t)
			v.Agreement = t.Number
		}
		d.Services = append(d.Services, v)
	}
	return d, nil
}

func (r RefusalRowConfig) row(provider string) upstream.RefusalRow {
	return upstream.RefusalRow{ID: r.ID, Provider: provider, Statuses: r.Statuses, Codes: r.Codes, Messages: r.Messages, Both: r.Both,
		Finishes: r.Finishes, Side: r.Side, Seen: "declared", Source: "configuration"}
}

// mode leaves out what is the default, so that it is no change of a service.
func (a AnswersConfig) mode() service.Answers {
	m := service.Answers{Act: a.Act, Near: a.Near, Model: a.Model}
	if m.Act == "enforce" {
		m.Act = ""
	}
	if m.Near == "pass" {
		m.Near = ""
	}
	return m
}

// history is the register's word for what becomes of refused turns; the default has none, so that it is no change of a service.
func history(said string) string {
	if said == "heal" {
		return ""
	}
	return said
}

func (s ServiceConfig) service() service.Service {
	mode := func(m ModeConfig) service.Mode { return service.Mode{Act: m.Act, OnError: m.OnError} }
	x := s.Disclosure
	v := service.Service{
		ID: s.ID, NameZH: s.NameZH, NameEN: s.NameEN,
		Disclosure: service.Disclosure{PeopleZH: x.PeopleZH, PeopleEN: x.PeopleEN, OccasionsZH: x.OccasionsZH, OccasionsEN: x.OccasionsEN,
			PurposesZH: x.PurposesZH, PurposesEN: x.PurposesEN, LimitsZH: x.LimitsZH, LimitsEN: x.LimitsEN,
			OutlineZH: x.OutlineZH, OutlineEN: x.OutlineEN, PersonalZH: x.PersonalZH, PersonalEN: x.PersonalEN,
			TrainingZH: x.TrainingZH, TrainingEN: x.TrainingEN},
		Label: label.Place(s.Label.Place), LabelLang: s.Label.Lang,
		Refusal: s.Refusal.As, RefusalZH: s.Refusal.ZH, RefusalEN: s.Refusal.EN, PastRefusals: s.Refusal.Upstream == "next", History: history(s.Refusal.History), OnViolation: s.OnViolation, Profile: s.Profile,
		Signals: s.Signals.plain(), Answers: s.Answers.mode(),
		Functions: s.functions(), Attested: s.Label.Attested,
		Media:   service.Media{Unchecked: s.Media.Unchecked, Mark: s.Media.Mark, Hours: s.Media.Hours},
		Privacy: service.PrivacyMode{In: s.Privacy.In, Out: s.Privacy.Out},
		Modes: service.Modes{ModerateIn: mode(s.Modes.ModerateIn), ModerateOut: mode(s.Modes.ModerateOut),
			Privacy: mode(s.Modes.Privacy), Label: mode(s.Modes.Label)},
		KeepContent: s.KeepContent, ContentDays: s.ContentDays, CancelUpstream: s.CancelUpstream,
		RequestsPerMinute: s.Limits.RequestsPerMinute, MaxBodyBytes: s.Limits.MaxBodyBytes,
	}
	for _, r := range s.Models {
		route := service.Route{Name: r.Name, Model: r.Model}
		for _, t := range r.Targets {
			route.Targets = append(route.Targets, upstream.Target{Endpoint: t.Upstream, Model: t.Model, Priority: t.Priority})
		}
		v.Models = append(v.Models, route)
	}
	return v
}

func (c configFile) agreement(i int) (service.Text, error) {
	s := c.Services[i]
	at := fmt.Sprintf("services[%d].agreement.", i)
	t := service.Text{Service: s.ID, Kind: "agreement", Number: s.Agreement.Number}
	for _, f := range []struct {
		field, path string
		into        *string
	}{{"zh_file", s.Agreement.ZHFile, &t.ZH}, {"en_file", s.Agreement.ENFile, &t.EN}} {
		b, err := os.ReadFile(c.file(f.path))
		if err != nil {
			return t, c.explain(fault{at + f.field, err.Error()})
		}
		*f.into = string(b)
		for _, blank := range agreementBlanks() {
			if strings.Contains(*f.into, blank) {
				return t, c.explain(fault{at + f.field, fmt.Sprintf("%s still holds the template's %s; fill it in, and have a lawyer read the text", f.path, blank)})
			}
		}
	}
	if s.Agreement.Effective != "" {
		day, err := time.ParseInLocation(time.DateOnly, s.Agreement.Effective, beijing)
		if err != nil {
			return t, c.explain(fault{at + "effective", fmt.Sprintf("%q: write the day as YYYY-MM-DD", s.Agreement.Effective)})
		}
		t.Effective = day
	}
	return t, nil
}

// located points at the places in the file of what the register of services refused.
func (c configFile) located(err error) error {
	var all service.Invalid
	if !errors.As(err, &all) || c.source == nil {
		return err
	}
	var faults []fault
	for _, e := range all {
		faults = append(faults, fault{c.place(e), fmt.Sprintf("%q: %s", e.Value, e.Mend)})
	}
	return c.explain(faults...)
}

// place translates a register's field into a path of the file.
func (c configFile) place(e *service.InvalidError) string {
	field := strings.ReplaceAll(e.Field, ".endpoint", ".upstream")
	if e.Where == "provider" {
		return "provider." + field
	}
	for i, s := range c.Services {
		if e.Where == fmt.Sprintf("service %q", s.ID) {
			return fmt.Sprintf("services[%d].%s", i, field)
		}
	}
	for i, m := range c.Models {
		if e.Where == fmt.Sprintf("model %q", m.ID) {
			return fmt.Sprintf("models[%d].%s", i, field)
		}
	}
	return field
}
