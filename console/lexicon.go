package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/lexicon"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/operator"
)

// LexiconState says which version of the register this process serves with.
type LexiconState struct {
	Version int    `json:"version"`
	Hash    string `json:"hash"`             // of the compiled lexicon
	Entries int    `json:"entries"`          // in force
	Failed  string `json:"failed,omitempty"` // why a newer version is not in force here
}

// wordsPage is how many entries and edits a page shows.
const wordsPage = 100

type wordsData struct {
	Tab     string
	Can     bool
	Version lexicon.Version
	State   LexiconState
	Library lexicon.Library
	Missing []lexicon.Coverage
	Draft   lexicon.Draft
	Name    map[string]string // of staff, by id
}

// lexiconState is what is in force here, as the API and the overview tell it.
func (c *console) lexiconState(failed string) LexiconState {
	s := LexiconState{Failed: failed}
	if l := c.Lexicon(); l != nil {
		s.Hash, s.Entries = l.Hash(), l.Len()
	}
	return s
}

func (c *console) lexiconOverview(v *visit) (wordsData, error) {
	d := wordsData{Tab: "overview"}
	draft, err := c.Words.Draft(v.r.Context())
	if err != nil {
		return d, err
	}
	d.Draft, d.Version = draft, draft.Base
	version, failed := c.Serves()
	d.State = c.lexiconState(failed)
	d.State.Version = version
	var inForce []moderation.Entry
	if l := c.Lexicon(); l != nil {
		inForce = l.Entries()
	}
	d.Library = lexicon.CoverageOf(inForce, d.Version.At, c.Now())
	for _, r := range d.Library.Risks {
		if r.Missing {
			d.Missing = append(d.Missing, r)
		}
	}
	d.Name, err = c.staffNames(v)
	return d, err
}

func (c *console) lexicon(v *visit) error {
	d, err := c.lexiconOverview(v)
	if err != nil {
		return err
	}
	d.Can = v.staff.Can(operator.ManageLexicon)
	return c.show(v, "lexicon", d)
}

type wordFilter struct{ Text, Risk, Tier, Origin, State string }

func filterOfWords(q map[string][]string) wordFilter {
	get := func(name string) string {
		if v := q[name]; len(v) > 0 {
			return strings.TrimSpace(v[0])
		}
		return ""
	}
	return wordFilter{get("q"), get("risk"), get("tier"), get("origin"), get("state")}
}

func (f wordFilter) empty() bool { return f == wordFilter{} }

// word is one row of the list of entries.
type word struct {
	lexicon.Row
	Edit    string `json:"edit,omitempty"` // added, changed: what the draft does to it
	Expired bool   `json:"expired,omitempty"`
}

// words lists the whole lexicon as the draft has it, filtered.
func (c *console) words(ctx context.Context, f wordFilter) (list []word, d lexicon.Draft, err error) {
	if d, err = c.Words.Draft(ctx); err != nil {
		return nil, d, err
	}
	rows, err := c.Words.Rows(d.Entries)
	if err != nil {
		return nil, d, err
	}
	edits := map[string]string{}
	for _, e := range d.Edits {
		edits[e.ID] = e.Kind()
	}
	needle, today := strings.ToLower(f.Text), lexicon.Today(c.Now())
	for _, r := range rows {
		w := word{Row: r, Expired: r.Expires != "" && r.Expires < today}
		if r.Origin == lexicon.Own {
			w.Edit = edits[r.ID]
		}
		tier := string(r.Tier)
		if r.Allow {
			tier = "allow"
		}
		switch {
		case f.Risk != "" && (r.Category != f.Risk || r.Allow),
			f.Tier != "" && tier != f.Tier,
			f.Origin != "" && r.Origin != f.Origin,
			f.State == "draft" && w.Edit == "",
			f.State == "expired" && !w.Expired,
			f.State == "expiring" && (r.Expires == "" || w.Expired),
			needle != "" && !strings.Contains(strings.ToLower(r.Text), needle) && r.ID != f.Text && !strings.Contains(strings.ToLower(r.Note), needle):
			continue
		}
		list = append(list, w)
	}
	slices.SortFunc(list, func(a, b word) int { return strings.Compare(a.ID, b.ID) })
	return list, d, nil
}

type entriesData struct {
	Tab      string
	Can      bool
	Filter   wordFilter
	Filtered bool
	Risks    []measures.Risk
	Rows     []word
	Count    int
	Page     int // from 1
	Pages    int
	Before   string // address of the page before
	After    string // and of the one after
}

var (
	tiers   = []string{"block", "signal", "observe", "quarantine", "allow"}
	origins = []string{lexicon.Starter, lexicon.Configuration, lexicon.Own}
)

// Tiers and Origins are the choices of the filter.
func (entriesData) Tiers() []string { return tiers }

// Origins of entries.
func (entriesData) Origins() []string { return origins }

func (c *console) lexiconEntries(v *visit) error {
	q := v.r.URL.Query()
	d := entriesData{Tab: "entries", Can: v.staff.Can(operator.ManageLexicon), Filter: filterOfWords(q), Risks: measures.Risks(), Page: 1}
	d.Filtered = !d.Filter.empty()
	list, _, err := c.words(v.r.Context(), d.Filter)
	if err != nil {
		return err
	}
	d.Count, d.Pages = len(list), max(1, (len(list)+wordsPage-1)/wordsPage)
	if n, err := strconv.Atoi(q.Get("page")); err == nil {
		d.Page = min(max(1, n), d.Pages)
	}
	link := func(page int) string {
		return c.site.URL("/lexicon/entries", "q", d.Filter.Text, "risk", d.Filter.Risk, "tier", d.Filter.Tier, "origin", d.Filter.Origin, "state", d.Filter.State, "page", page)
	}
	d.Before, d.After = link(d.Page-1), link(d.Page+1)
	d.Rows = list[min((d.Page-1)*wordsPage, len(list)):min(d.Page*wordsPage, len(list))]
	return c.show(v, "lexiconentries", d)
}

type entryData struct {
	Tab   string
	Can   bool
	New   bool
	Row   lexicon.Row
	Edit  *lexicon.Edit // what the draft does to it
	Risks []measures.Risk
}

// Tiers are those that an entry can have.
func (entryData) Tiers() []string { return tiers[:4] }

// Kinds are the ways an entry's text is matched.
func (entryData) Kinds() []moderation.Kind {
	return []moderation.Kind{moderation.Contain, moderation.Whole, moderation.All, moderation.Pattern}
}

func (c *console) lexiconEntry(v *visit) error {
	d := entryData{Tab: "entries", Can: v.staff.Can(operator.ManageLexicon), Risks: measures.Risks()}
	id := v.r.URL.Query().Get("id")
	if id == "" {
		d.New, d.Row = true, lexicon.Row{Origin: lexicon.Own, Entry: moderation.Entry{Tier: moderation.Signal}}
		return c.show(v, "lexiconentry", d)
	}
	draft, err := c.Words.Draft(v.r.Context())
	if err != nil {
		return err
	}
	for i := range draft.Edits {
		if draft.Edits[i].ID == id {
			d.Edit = &draft.Edits[i]
		}
	}
	row, err := c.Words.Find(v.r.Context(), id)
	if errors.Is(err, lexicon.ErrUnknown) && d.Edit != nil { // removed in the draft
		row, err = lexicon.Row{Origin: lexicon.Own, Entry: *d.Edit.Before}, nil
	}
	if err != nil {
		return err
	}
	d.Row = row
	return c.show(v, "lexiconentry", d)
}

func (c *console) setEntry(v *visit) error {
	ctx, form := v.r.Context(), v.r.FormValue
	var e moderation.Entry
	if id := form("id"); id != "" {
		row, err := c.Words.Find(ctx, id)
		if err != nil {
			return err
		}
		e = row.Entry
	} else {
		e.ID, e.Source = "own-"+strings.ToLower(store.NewID()), "console"
	}
	e.Text, e.Kind = strings.TrimSpace(form("text")), moderation.Kind(form("kind"))
	e.Allow, e.Category, e.Tier = form("tier") == "allow", form("category"), moderation.Tier(form("tier"))
	if e.Allow {
		e.Category, e.Tier = "", ""
	}
	e.Note, e.Expires, e.Owner = strings.TrimSpace(form("note")), strings.TrimSpace(form("expires")), strings.TrimSpace(form("owner"))
	e.Forms = moderation.Forms{Separated: form("separated") != "", Pinyin: form("pinyin") != "", Split: form("split") != "", Reversed: form("reversed") != ""}
	if err := c.Words.Set(ctx, v.staff.Actor(), e); err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", "flash.lexicon_set", e.ID)
	c.site.Redirect(v.w, v.r, c.path("/lexicon/entries/entry", "id", e.ID))
	return nil
}

func (c *console) removeEntry(v *visit) error {
	if err := c.Words.Remove(v.r.Context(), v.staff.Actor(), v.r.FormValue("id")); err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", "flash.lexicon_removed", v.r.FormValue("id"))
	c.site.Redirect(v.w, v.r, "/lexicon/draft")
	return nil
}

func (c *console) undoEntry(v *visit) error {
	if err := c.Words.Undo(v.r.Context(), v.staff.Actor(), v.r.FormValue("id")); err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", "flash.lexicon_undone", v.r.FormValue("id"))
	c.site.Redirect(v.w, v.r, "/lexicon/draft")
	return nil
}

// path is an address for Redirect, which adds the base itself.
func (c *console) path(path string, pairs ...any) string {
	return strings.TrimPrefix(c.site.URL(path, pairs...), c.Base)
}

// refusedAs is how a page tells of an error that a register gives.
type refusedAs struct {
	err    error
	status int
	key    string
}

// known words an error by a table; nil when it is not there.
func known(err error, table []refusedAs) error {
	for _, r := range table {
		if errors.Is(err, r.err) {
			return &web.Problem{Status: r.status, Key: r.key, Err: err}
		}
	}
	return nil
}

// lexiconRefusal words what the lexicon register refuses; nil for other errors.
func lexiconRefusal(err error) error {
	var unmeasured *lexicon.UnmeasuredError
	if errors.As(err, &unmeasured) {
		return &web.Problem{Status: http.StatusConflict, Key: "words.unmeasured", Args: []any{unmeasured.N, unmeasured.Err.Error()}, Err: err}
	}
	var bad *lexicon.InvalidError
	if errors.As(err, &bad) {
		return &web.Problem{Status: http.StatusBadRequest, Field: bad.Field, Key: "invalid.field", Args: []any{bad.Field, bad.Mend}, Err: err}
	}
	return known(err, []refusedAs{
		{lexicon.ErrRaced, http.StatusConflict, "words.raced"},
		{lexicon.ErrEmptyDraft, http.StatusConflict, "words.empty_draft"},
		{lexicon.ErrNotMeasured, http.StatusConflict, "words.not_measured"},
		{lexicon.ErrNeedsSecond, http.StatusConflict, "words.needs_second"},
		{lexicon.ErrNoProposal, http.StatusConflict, "words.no_proposal"},
		{lexicon.ErrNoRollback, http.StatusConflict, "words.no_rollback"},
		{lexicon.ErrSamePerson, http.StatusForbidden, "words.same_person"},
		{lexicon.ErrUnknown, http.StatusNotFound, "words.unknown"},
		{lexicon.ErrNoVersion, http.StatusNotFound, "words.no_version"},
	})
}

type versionsData struct {
	Tab      string
	Can      bool
	Me       string
	Versions []lexicon.Version
	Waiting  *lexicon.Return // an earlier version that waits for a second person
	State    LexiconState
	Name     map[string]string
	Limit    float64
	Target   float64
}

func (c *console) lexiconVersions(v *visit) error {
	ctx := v.r.Context()
	d := versionsData{Tab: "versions", Can: v.staff.Can(operator.ManageLexicon), Me: v.staff.ID, Limit: measures.OverBlockLimit, Target: measures.OverBlockTarget}
	var err error
	if d.Versions, err = c.Words.Versions(ctx); err != nil {
		return err
	}
	if d.Waiting, err = c.Words.Proposed(ctx); err != nil {
		return err
	}
	version, failed := c.Serves()
	d.State = c.lexiconState(failed)
	d.State.Version = version
	if d.Name, err = c.staffNames(v); err != nil {
		return err
	}
	return c.show(v, "lexiconversions", d)
}

type versionData struct {
	Tab     string
	Version lexicon.Version
	Against int
	Edits   []lexicon.Edit
	All     int // edits, of which Edits shows the first
	Tally   lexicon.Tally
	Others  []int
	Name    map[string]string
	Limit   float64
	Target  float64
}

func (c *console) lexiconVersion(v *visit) error {
	ctx := v.r.Context()
	n, err := strconv.Atoi(v.r.PathValue("n"))
	if err != nil {
		return lexicon.ErrNoVersion
	}
	d := versionData{Tab: "versions", Against: n - 1, Limit: measures.OverBlockLimit, Target: measures.OverBlockTarget}
	if d.Version, err = c.Words.Version(ctx, n); err != nil {
		return err
	}
	if text := v.r.URL.Query().Get("against"); text != "" {
		if d.Against, err = strconv.Atoi(text); err != nil {
			return lexicon.ErrNoVersion
		}
	}
	before, err := c.Words.Entries(ctx, d.Against)
	if err != nil {
		return err
	}
	after, err := c.Words.Entries(ctx, n)
	if err != nil {
		return err
	}
	edits := lexicon.Compare(before, after)
	d.Tally, d.All, d.Edits = lexicon.TallyOf(edits), len(edits), edits[:min(len(edits), wordsPage)]
	list, err := c.Words.Versions(ctx)
	if err != nil {
		return err
	}
	for _, other := range list {
		if other.N != n {
			d.Others = append(d.Others, other.N)
		}
	}
	d.Others = append(d.Others, 0)
	if d.Name, err = c.staffNames(v); err != nil {
		return err
	}
	return c.show(v, "lexiconversion", d)
}

func (c *console) rollbackLexicon(v *visit) error {
	n, err := strconv.Atoi(v.r.FormValue("n"))
	if err != nil {
		return lexicon.ErrNoVersion
	}
	version, back, err := c.Words.Restore(v.r.Context(), v.staff.Actor(), n, strings.TrimSpace(v.r.FormValue("note")))
	if errors.Is(err, lexicon.ErrNeedsSecond) && back.Proposal != nil {
		c.site.SetFlash(v.w, v.r, "notice", "flash.lexicon_rollback_proposed")
		c.site.Redirect(v.w, v.r, "/lexicon/versions")
		return nil
	}
	return c.wentBack(v, version, err)
}

func (c *console) approveRollback(v *visit) error {
	n, err := strconv.Atoi(v.r.FormValue("n"))
	if err != nil {
		return lexicon.ErrNoVersion
	}
	version, err := c.Words.ApproveRollback(v.r.Context(), v.staff.Actor(), n)
	return c.wentBack(v, version, err)
}

// wentBack shows the version that an earlier one has become, with its figures.
func (c *console) wentBack(v *visit, version lexicon.Version, err error) error {
	if err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", "flash.lexicon_published", strconv.Itoa(version.N))
	c.site.Redirect(v.w, v.r, "/lexicon/versions/"+strconv.Itoa(version.N))
	return nil
}

// actorName is what to call somebody: a staff member's name, or the kind of actor.
func actorName(names map[string]string, a journal.Actor) string {
	if name := names[a.ID]; name != "" {
		return name
	}
	if a.ID == "" {
		return "—"
	}
	return a.Kind + ":" + a.ID
}

// exportLexicon sends the lexicon of a version, the one in force unless n says otherwise, as a file.
func (c *console) exportLexicon(v *visit) error {
	q, ctx := v.r.URL.Query(), v.r.Context()
	format, filing := q.Get("format"), q.Get("filing") != ""
	types := map[string]string{lexicon.CSV: "text/csv; charset=utf-8", lexicon.JSON: "application/json",
		lexicon.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
	if types[format] == "" || filing && format == lexicon.JSON {
		return invalid("format", "words.bad_format", format)
	}
	version, err := c.Words.Latest(ctx)
	if text := q.Get("n"); err == nil && text != "" {
		n, atoiErr := strconv.Atoi(text)
		if atoiErr != nil {
			return lexicon.ErrNoVersion
		}
		version, err = c.Words.Version(ctx, n)
	}
	if err != nil {
		return err
	}
	own, err := c.Words.Entries(ctx, version.N)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := c.Words.Write(&b, format, version, own, lexicon.Selection{Filing: filing}, c.Now()); err != nil {
		return err
	}
	name := fmt.Sprintf("lexicon-%d.%s", version.N, format)
	if filing {
		name = fmt.Sprintf("lexicon-filing-%d.%s", version.N, format)
	}
	h := v.w.Header()
	h.Set("Content-Type", types[format])
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "no-store")
	_, _ = v.w.Write(b.Bytes()) // the client has gone; there is nobody to tell
	return nil
}
