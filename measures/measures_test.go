package measures

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// TestDuties refuses a duty without source, force, title or place: it could not be shown to anybody.
func TestDuties(t *testing.T) {
	articles := map[string]bool{}
	for _, a := range Articles() {
		articles[a.No] = true
		if a.ZH == "" || a.EN == "" {
			t.Errorf("article %s has no name", a.No)
		}
	}
	if n := len(Duties()); n != 83 {
		t.Errorf("%d duties, want 83", n)
	}
	seen, used := map[string]bool{}, map[string]bool{}
	before := ""
	for _, d := range Duties() {
		if d.ArticleNo < before {
			t.Errorf("%s stands after article %s: duties go by article", d.ID, before)
		}
		before = d.ArticleNo
		if err := complete(d); err != "" {
			t.Errorf("%s: %s", d.ID, err)
		}
		if seen[d.ID] {
			t.Errorf("%s is there twice", d.ID)
		}
		if !articles[d.ArticleNo] {
			t.Errorf("%s: article %q has no name", d.ID, d.ArticleNo)
		}
		seen[d.ID], used[d.ArticleNo] = true, true
	}
	for a := range articles {
		if !used[a] {
			t.Errorf("article %s has no duty", a)
		}
	}
}

var (
	han      = regexp.MustCompile(`\p{Han}`)
	internal = regexp.MustCompile(`\bseed \d|\bF\d{1,2}\b[^-]|\(I\)|\(M\)`)
)

func complete(d Duty) string {
	for name, v := range map[string]string{"id": d.ID, "article": d.Article, "title_en": d.TitleEN, "actor": d.Actor,
		"trigger": d.Trigger, "runtime": d.Runtime, "evidence": d.Evidence, "metric": d.Metric, "source": d.Source} {
		if strings.TrimSpace(v) == "" {
			return name + " is empty"
		}
		if name != "id" && internal.MatchString(v+" ") {
			return name + " carries a research tag: " + v
		}
	}
	if !han.MatchString(d.TitleZH) || han.MatchString(d.TitleEN) {
		return "titles are not one Chinese and one English: " + d.TitleZH + " / " + d.TitleEN
	}
	switch d.Force {
	case Shall, Should, Ours:
	default:
		return "force is " + string(d.Force)
	}
	doubt := strings.Contains(d.Metric, "our default") || strings.HasSuffix(d.Metric, "unverified") || strings.Contains(d.Source, "memory")
	if d.Verified && doubt {
		return "verified, yet it rests on memory or on our default"
	}
	return ""
}

func TestIncompleteDutyIsCaught(t *testing.T) {
	good := Duties()[0]
	for name, spoil := range map[string]func(*Duty){
		"source": func(d *Duty) { d.Source = "" },
		"force":  func(d *Duty) { d.Force = "must" },
		"title":  func(d *Duty) { d.TitleZH = "Scope" },
		"doubt":  func(d *Duty) { d.Verified, d.Metric = true, "2 h (our default)" },
	} {
		d := good
		spoil(&d)
		if complete(d) == "" {
			t.Errorf("a duty with a bad %s passes", name)
		}
	}
}

func TestRisks(t *testing.T) {
	groups, library := map[string]int{}, 0
	for _, r := range Risks() {
		groups[r.Group]++
		if r.Library {
			library++
		}
		if r.Library != (r.MinKeywords > 0) || r.Library != (r.MinRefuse > 0) || r.MinTest == 0 {
			t.Errorf("%s: minima do not fit: %+v", r.ID, r)
		}
		want := "A." + r.ID[1:2] + " " + r.ID[2:] + ")"
		if r.Clause != want || r.Group != want[:3] || !han.MatchString(r.ZH) || r.EN == "" {
			t.Errorf("%s: %+v", r.ID, r)
		}
	}
	for g, n := range map[string]int{"A.1": 8, "A.2": 9, "A.3": 5, "A.4": 7, "A.5": 2} {
		if groups[g] != n {
			t.Errorf("%s has %d risks, want %d", g, groups[g], n)
		}
	}
	if library != 17 {
		t.Errorf("%d risks in the library, want 17", library)
	}
	total := 0
	for _, r := range Risks() {
		total += r.MinTest
	}
	if total != 1130 {
		t.Errorf("floor of the test bank is %d, want 1130", total)
	}
}

func TestInstrumentsAndClocks(t *testing.T) {
	known := map[string]bool{}
	for _, i := range Instruments() {
		known[i.ID] = true
		for _, day := range []string{i.Issued, i.Effective} {
			if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
				t.Errorf("%s: %v", i.ID, err)
			}
		}
		if i.ZH == "" || i.EN == "" || !strings.Contains(" primary secondary memory ", " "+i.Confidence+" ") ||
			!strings.Contains(" law regulation rule normative standard guide ", " "+i.Kind+" ") {
			t.Errorf("%s: %+v", i.ID, i)
		}
	}
	for _, id := range []string{"IM", "DSP", "ARP", "LM", "CEG", "SAP", "CSL", "DSL", "PIPL", "NDR", "MPR", "AIM"} {
		if !known[id] {
			t.Errorf("instrument %s is missing", id)
		}
	}
	if n := len(Authorities()); n != 8 {
		t.Errorf("%d authorities, want the 8 of Art 16", n)
	}
	for _, a := range Authorities() {
		if a.ZH == "" || a.EN == "" || len(a.Topics) == 0 {
			t.Errorf("authority %+v", a)
		}
	}
	for _, c := range Clocks() {
		if c.ZH == "" || c.EN == "" || c.From == "" || c.Source == "" || (c.N == 0) != (c.Unit == "before") ||
			!strings.Contains(" s min h d wd month year before ", " "+c.Unit+" ") {
			t.Errorf("clock %+v", c)
		}
		if c.Verified && (c.Force == Ours || strings.Contains(c.Source, "memory")) {
			t.Errorf("clock %s cannot be verified", c.ID)
		}
	}
}

func TestDue(t *testing.T) {
	for _, c := range []struct {
		from      string
		n         int
		want      string
		estimated bool
	}{
		{"2026-02-10", 15, "2026-03-09", false}, // Spring Festival, two make-up Saturdays
		{"2026-09-24", 10, "2026-10-15", false},
		{"2026-09-28", 15, "2026-10-23", false},
		{"2025-09-26", 15, "2025-10-23", false},
		{"2026-12-20", 15, "2027-01-08", true}, // 2027 is not published: weekends only
		{"2026-05-08", 1, "2026-05-09", false}, // a make-up Saturday
		{"2026-05-06", 0, "2026-05-06", false},
		{"2024-09-30", 1, "2024-10-08", false},
	} {
		from, err := time.ParseInLocation(time.DateOnly, c.from, Shanghai())
		if err != nil {
			t.Fatal(err)
		}
		due, estimated := Due(from.Add(15*time.Hour), c.n)
		if got := due.Format(time.DateOnly); got != c.want || estimated != c.estimated {
			t.Errorf("%d wd from %s: %s estimated=%v, want %s %v", c.n, c.from, got, estimated, c.want, c.estimated)
		}
	}
	// 20:00 UTC on the 23rd is the 24th in Shanghai.
	due, _ := Due(time.Date(2026, 9, 23, 20, 0, 0, 0, time.UTC), 10)
	if got := due.Format(time.DateOnly); got != "2026-10-15" {
		t.Errorf("the day is not taken in Asia/Shanghai: %s", got)
	}
}

func TestAccessorsReturnCopies(t *testing.T) {
	Duties()[0].ID = "changed"
	Authorities()[0].Topics[0] = "changed"
	if Duties()[0].ID == "changed" || Authorities()[0].Topics[0] == "changed" {
		t.Error("a caller can change the law")
	}
	if len(Version()) != 64 {
		t.Errorf("version %q", Version())
	}
	if _, err := time.Parse(time.DateOnly, VerifiedOn()); err != nil {
		t.Error(err)
	}
}

func TestLoadIsStrict(t *testing.T) {
	copyOf := func() fstest.MapFS {
		m := fstest.MapFS{}
		names, _ := fs.Glob(files, "data/*.json")
		for _, n := range names {
			raw, _ := fs.ReadFile(files, n)
			m[n] = &fstest.MapFile{Data: raw}
		}
		return m
	}
	for name, spoil := range map[string]func(fstest.MapFS){
		"unknown field": func(m fstest.MapFS) { m["data/clocks.json"].Data = []byte(`[{"id":"x","days":3}]`) },
		"second value":  func(m fstest.MapFS) { m["data/risks.json"].Data = append(m["data/risks.json"].Data, "[]"...) },
		"missing file":  func(m fstest.MapFS) { delete(m, "data/duties.json") },
		"make-up on a weekday": func(m fstest.MapFS) {
			m["data/calendar.json"].Data = []byte(`{"years":[{"year":2026,"workdays":["2026-05-06"]}]}`)
		},
	} {
		m := copyOf()
		spoil(m)
		if _, err := load(m); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	m := copyOf()
	l, err := load(m)
	if err != nil {
		t.Fatal(err)
	}
	m["data/verified.json"].Data = append(m["data/verified.json"].Data, '\n')
	if n, _ := load(m); n.version == l.version {
		t.Error("the version does not see a changed byte")
	}
}
