package lexicon

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/moderation"
)

// Draft is what the next version would be.
type Draft struct {
	Revision int64              `json:"revision"` // grows with every change
	Base     Version            `json:"base"`     // the version in force
	Entries  []moderation.Entry `json:"-"`        // of the register, as they would be; not to be changed
	Edits    []Edit             `json:"-"`        // against Base
	Tally    Tally              `json:"tally"`
	Changed  time.Time          `json:"changed,omitzero"` // zero when it was never touched
	By       journal.Actor      `json:"by"`
	Figures  *Figures           `json:"figures,omitempty"`  // what the gate measured of this revision
	Proposal *Proposal          `json:"proposal,omitempty"` // somebody asks for a second person's approval
}

// Proposal asks for the approval of the draft as it stands.
type Proposal struct {
	By   journal.Actor `json:"by"`
	At   time.Time     `json:"at"`
	Note string        `json:"note"`
}

// Taken says what became of a list that was added to the draft.
type Taken struct {
	Added     int `json:"added"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
	Kept      int `json:"kept"` // known entries that differ and were left as the register has them
}

type draftRow struct {
	Revision int64  `db:"revision"`
	About    string `db:"about"`
	Figures  string `db:"figures"`
	Proposal string `db:"proposal"`
}

type draftAbout struct {
	At time.Time     `json:"at"`
	By journal.Actor `json:"by"`
}

// Draft reads the draft. A draft that changes nothing has no Edits.
func (r *Register) Draft(ctx context.Context) (Draft, error) {
	d, _, err := r.draft(ctx)
	return d, err
}

// worked is a draft's changes laid over the version in force. It is never changed.
type worked struct {
	revision int64
	base     int
	changes  map[string]*moderation.Entry // by id, without those that the version in force already has
	entries  []moderation.Entry
	edits    []Edit
}

// work lays the draft's changes of a revision over a version; the last result is kept, for most readers want the same.
func (r *Register) work(ctx context.Context, revision int64, base int) (*worked, error) {
	if w := r.worked.Load(); w != nil && w.revision == revision && w.base == base {
		return w, nil
	}
	packed, err := store.Row[[]byte](ctx, r.db.R, `SELECT changes FROM lexicon_draft WHERE id = 1 AND revision = $1`, revision)
	if errors.Is(err, store.ErrNotFound) && revision > 0 {
		return nil, ErrRaced
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	entries, err := r.Entries(ctx, base)
	if err != nil {
		return nil, err
	}
	list, _, err := unpack[Change](packed)
	if err != nil {
		return nil, err
	}
	w := &worked{revision: revision, base: base, changes: map[string]*moderation.Entry{}}
	own := byID(entries)
	for _, c := range list {
		before := own[c.ID]
		switch {
		case c.Entry == nil && before == nil, c.Entry != nil && before != nil && same(*before, *c.Entry):
			continue
		case c.Entry == nil:
			delete(own, c.ID)
		default:
			own[c.ID] = c.Entry
		}
		w.changes[c.ID] = c.Entry
		w.edits = append(w.edits, Edit{ID: c.ID, Before: before, After: c.Entry})
	}
	w.entries = sorted(own)
	r.worked.Store(w)
	return w, nil
}

// draft returns the draft and a copy of its changes by id.
func (r *Register) draft(ctx context.Context) (d Draft, changes map[string]*moderation.Entry, err error) {
	row, err := store.Row[draftRow](ctx, r.db.R, `SELECT revision, about, figures, proposal FROM lexicon_draft WHERE id = 1`)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return d, nil, fmt.Errorf("lexicon: draft: %w", err)
	}
	r.last.Store(nil) // the newest version, past every cache
	base, err := r.Latest(ctx)
	if err != nil {
		return d, nil, err
	}
	w, err := r.work(ctx, row.Revision, base.N)
	if err != nil {
		return d, nil, fmt.Errorf("lexicon: draft: %w", err)
	}
	d = Draft{Revision: row.Revision, Base: base, Entries: w.entries, Edits: w.edits, Tally: TallyOf(w.edits)}
	changes = maps.Clone(w.changes)
	if row.About != "" {
		var about draftAbout
		if err := json.Unmarshal([]byte(row.About), &about); err != nil {
			return d, nil, fmt.Errorf("lexicon: draft: %w", err)
		}
		d.Changed, d.By = about.At, about.By
	}
	for _, part := range []struct {
		text string
		into any
	}{{row.Figures, &d.Figures}, {row.Proposal, &d.Proposal}} {
		if part.text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(part.text), part.into); err != nil {
			return d, nil, fmt.Errorf("lexicon: draft: %w", err)
		}
	}
	return d, changes, nil
}

// Add takes entries into the draft. An entry that the register has already, by id, is left as it is there, with the tier
// and note that people gave it, unless overwrite is set. Nothing is taken when one of them is invalid.
func (r *Register) Add(ctx context.Context, who journal.Actor, entries []moderation.Entry, overwrite bool) (Taken, error) {
	if err := check(entries); err != nil {
		return Taken{}, err
	}
	var taken Taken
	err := r.change(ctx, who, "added", func(d Draft, changes map[string]*moderation.Entry) error {
		taken = Taken{}
		have := byID(d.Entries)
		for i := range entries {
			e := entries[i]
			old := have[e.ID]
			switch {
			case old == nil:
				taken.Added++
			case alike(*old, e):
				taken.Unchanged++
				continue
			case !overwrite:
				taken.Kept++
				continue
			default:
				taken.Changed++
			}
			have[e.ID], changes[e.ID] = &e, &e
		}
		if len(have) > MaxEntries {
			return &InvalidError{Field: "entries", Value: strconv.Itoa(len(have)), Mend: fmt.Sprintf("a register holds at most %d; leave out what no risk asks for", MaxEntries)}
		}
		return nil
	})
	return taken, err
}

// alike tells whether entries are the same but for the line of the list that they came from.
func alike(a, b moderation.Entry) bool {
	a.Source, b.Source = "", ""
	return same(a, b)
}

// Set puts entries into the draft, new ones or in place of those with the same id. To change an entry of the starter or of
// a configured list, set the whole entry under its id.
func (r *Register) Set(ctx context.Context, who journal.Actor, entries ...moderation.Entry) error {
	_, err := r.Add(ctx, who, entries, true)
	return err
}

// Remove takes own entries out. ErrUnknown when one is not the register's own; starter entries and those of configured
// lists are put out of force with the tier quarantine instead.
func (r *Register) Remove(ctx context.Context, who journal.Actor, ids ...string) error {
	return r.change(ctx, who, "removed", func(d Draft, changes map[string]*moderation.Entry) error {
		have := byID(d.Entries)
		for _, id := range ids {
			if have[id] == nil {
				return fmt.Errorf("%w: %q", ErrUnknown, id)
			}
			changes[id] = nil
		}
		return nil
	})
}

// Undo makes entries again what they are in the version in force.
func (r *Register) Undo(ctx context.Context, who journal.Actor, ids ...string) error {
	return r.change(ctx, who, "undone", func(d Draft, changes map[string]*moderation.Entry) error {
		for _, id := range ids {
			if _, ok := changes[id]; !ok {
				return fmt.Errorf("%w: %q", ErrUnknown, id)
			}
			delete(changes, id)
		}
		return nil
	})
}

// Discard empties the draft.
func (r *Register) Discard(ctx context.Context, who journal.Actor) error {
	return r.change(ctx, who, "discarded", func(_ Draft, changes map[string]*moderation.Entry) error {
		clear(changes)
		return nil
	})
}

// change edits the draft's changes and writes them with an event. When another process was quicker it is tried again;
// edit may therefore run more than once. An edit that changes nothing writes nothing.
func (r *Register) change(ctx context.Context, who journal.Actor, what string, edit func(Draft, map[string]*moderation.Entry) error) error {
	var err error
	for range 3 {
		if err = r.changeOnce(ctx, who, what, edit); !errors.Is(err, ErrRaced) {
			return err
		}
	}
	return err
}

func (r *Register) changeOnce(ctx context.Context, who journal.Actor, what string, edit func(Draft, map[string]*moderation.Entry) error) error {
	d, changes, err := r.draft(ctx)
	if err != nil {
		return err
	}
	before := maps.Clone(changes)
	if err := edit(d, changes); err != nil {
		return err
	}
	n := touched(before, changes)
	if n == 0 {
		return nil
	}
	list := make([]Change, 0, len(changes))
	for _, id := range slices.Sorted(maps.Keys(changes)) {
		list = append(list, Change{id, changes[id]})
	}
	packed, hash, err := pack(list)
	if err != nil {
		return err
	}
	now := r.now().UTC().Truncate(time.Millisecond)
	about, err := json.Marshal(draftAbout{now, who})
	if err != nil {
		return fmt.Errorf("lexicon: %w", err)
	}
	event, err := r.event(who, journal.LexiconDrafted, "draft", now, map[string]any{"what": what, "entries": n, "draft": len(list), "hash": hash, "base": d.Base.N})
	if err != nil {
		return err
	}
	_, err = r.j.Commit(ctx, journal.Write{Events: []journal.Event{event}, Apply: func(ctx context.Context, tx *sql.Tx) error {
		return r.store(ctx, tx, d.Revision, packed, string(about))
	}})
	if err != nil && !errors.Is(err, ErrRaced) {
		return fmt.Errorf("lexicon: draft: %w", err)
	}
	return err
}

// touched counts the ids whose change differs.
func touched(before, after map[string]*moderation.Entry) int {
	n := 0
	for id, e := range after {
		if old, ok := before[id]; !ok || old != e && (old == nil || e == nil || !same(*old, *e)) {
			n++
		}
	}
	for id := range before {
		if _, ok := after[id]; !ok {
			n++
		}
	}
	return n
}

// store replaces the draft of one revision by the next; figures and proposal spoke of the old one and go.
func (r *Register) store(ctx context.Context, tx *sql.Tx, revision int64, packed []byte, about string) error {
	if err := r.exists(ctx, tx); err != nil {
		return err
	}
	return one(tx.ExecContext(ctx, `UPDATE lexicon_draft SET revision = $1, changes = $2, about = $3, figures = '', proposal = ''
		WHERE id = 1 AND revision = $4`, revision+1, packed, about, revision))
}

func (r *Register) exists(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO lexicon_draft (id, revision, changes, about, figures, proposal)
		VALUES (1, 0, $1, '', '', '') ON CONFLICT (id) DO NOTHING`, []byte{})
	return err
}

// outdate clears what was measured and proposed on top of a version that is no longer the newest.
func (r *Register) outdate(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `UPDATE lexicon_draft SET revision = revision + 1, figures = '', proposal = '' WHERE id = 1`)
	return err
}

// one turns an update that found no row into ErrRaced.
func one(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(ErrRaced, err)
	}
	return nil
}

// Measured keeps what the gate measured of one revision of the draft. ErrRaced when the draft has changed since.
func (r *Register) Measured(ctx context.Context, revision int64, f Figures) error {
	b, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("lexicon: %w", err)
	}
	_, err = r.j.Commit(ctx, journal.Write{Apply: func(ctx context.Context, tx *sql.Tx) error {
		return one(tx.ExecContext(ctx, `UPDATE lexicon_draft SET figures = $1 WHERE id = 1 AND revision = $2`, string(b), revision))
	}})
	if err != nil && !errors.Is(err, ErrRaced) {
		return fmt.Errorf("lexicon: figures: %w", err)
	}
	return err
}

// ready returns the draft at a revision when it can be published: it changes something and was measured today.
func (r *Register) ready(ctx context.Context, revision int64) (Draft, error) {
	d, err := r.Draft(ctx)
	switch {
	case err != nil:
		return d, err
	case d.Revision != revision:
		return d, ErrRaced
	case len(d.Edits) == 0:
		return d, ErrEmptyDraft
	case d.Figures == nil, Today(d.Figures.At) != Today(r.now()):
		return d, ErrNotMeasured
	}
	return d, nil
}

// Publish makes the draft, as measured at a revision, the next version. When the gate asks for a second person it is
// ErrNeedsSecond and nothing changes: Propose it then, and let another Approve.
func (r *Register) Publish(ctx context.Context, who journal.Actor, revision int64, note string) (Version, error) {
	if err := checkNote(note); err != nil {
		return Version{}, err
	}
	d, err := r.ready(ctx, revision)
	if err != nil {
		return Version{}, err
	}
	if !d.Figures.Passes() {
		return Version{}, ErrNeedsSecond
	}
	return r.publishDraft(ctx, d, Version{By: who, Note: note})
}

// Propose asks for a second person's approval of the draft at a revision.
func (r *Register) Propose(ctx context.Context, who journal.Actor, revision int64, note string) error {
	if err := checkNote(note); err != nil {
		return err
	}
	if !who.Person() {
		return &InvalidError{Field: "by", Value: who.ID, Mend: "name the staff member who proposes it"}
	}
	d, err := r.ready(ctx, revision)
	if err != nil {
		return err
	}
	now := r.now().UTC().Truncate(time.Millisecond)
	b, err := json.Marshal(Proposal{who, now, note})
	if err != nil {
		return fmt.Errorf("lexicon: %w", err)
	}
	event, err := r.event(who, journal.LexiconDrafted, "draft", now, map[string]any{"what": "proposed", "tally": d.Tally, "base": d.Base.N,
		"bank": d.Figures.Bank, "benign": d.Figures.Benign, "accepted": d.Figures.Accepted})
	if err != nil {
		return err
	}
	_, err = r.j.Commit(ctx, journal.Write{Events: []journal.Event{event}, Apply: func(ctx context.Context, tx *sql.Tx) error {
		return one(tx.ExecContext(ctx, `UPDATE lexicon_draft SET proposal = $1 WHERE id = 1 AND revision = $2`, string(b), revision))
	}})
	if err != nil && !errors.Is(err, ErrRaced) {
		return fmt.Errorf("lexicon: propose: %w", err)
	}
	return err
}

// Approve publishes the draft that somebody else proposed. The version is the proposer's, approved by who.
func (r *Register) Approve(ctx context.Context, who journal.Actor, revision int64) (Version, error) {
	if !who.Person() {
		return Version{}, &InvalidError{Field: "by", Value: who.ID, Mend: "name the staff member who approves it"}
	}
	d, err := r.ready(ctx, revision)
	switch {
	case err != nil:
		return Version{}, err
	case d.Proposal == nil:
		return Version{}, ErrNoProposal
	case d.Proposal.By.ID == who.ID:
		return Version{}, ErrSamePerson
	}
	return r.publishDraft(ctx, d, Version{By: d.Proposal.By, Approved: who, Note: d.Proposal.Note})
}

// publishDraft writes the version and empties the draft in one transaction.
func (r *Register) publishDraft(ctx context.Context, d Draft, v Version) (Version, error) {
	v.N, v.Tally, v.Figures = d.Base.N+1, d.Tally, d.Figures
	about, err := json.Marshal(draftAbout{r.now().UTC().Truncate(time.Millisecond), v.By})
	if err != nil {
		return v, fmt.Errorf("lexicon: %w", err)
	}
	return r.publish(ctx, v, nil, d.Entries, func(ctx context.Context, tx *sql.Tx) error {
		return r.store(ctx, tx, d.Revision, []byte{}, string(about))
	})
}
