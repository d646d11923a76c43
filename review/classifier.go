package review

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
)

// State of a classifier.
type State string

const (
	Training State = "training"
	Failed   State = "failed"
	Trained  State = "trained"
	Shadow   State = "shadow" // consulted and recorded, never acting
	Force    State = "force"
	Retired  State = "retired"
)

var (
	// ErrNeedsSecond says that a second person must approve what is above a limit.
	ErrNeedsSecond = errors.New("review: its figures ask for a second person's approval")
	// ErrNotMeasured says that nothing is known of its over-blocking.
	ErrNotMeasured = errors.New("review: its over-blocking has not been measured on questions that must be answered; it cannot be put in force")
	// ErrNoProposal says that nobody has asked for it.
	ErrNoProposal = errors.New("review: nobody has asked for this approval")
)

// StateError says that a classifier is not in a state in which something can be done with it. It is an ErrState.
type StateError struct {
	N    int
	Is   State
	What string // shadow, force (also asking for it and confirming it), retire, measure
}

func (e *StateError) Error() string {
	switch e.What {
	case "force":
		return fmt.Sprintf("review: classifier %d is %s; only one that runs in shadow can be put in force: put it in shadow first and look at what it finds", e.N, e.Is)
	case "measure":
		return fmt.Sprintf("review: classifier %d is %s; there is nothing to measure before it is trained", e.N, e.Is)
	}
	return fmt.Sprintf("review: classifier %d is %s; this cannot be done with it (%s)", e.N, e.Is, e.What)
}

func (e *StateError) Unwrap() error { return ErrState }

// Progress of a training.
type Progress struct {
	Stage string `json:"stage"` // reading, training, measuring
	Done  int    `json:"done"`
	Of    int    `json:"of"`
}

// Ask is a wish to put a classifier in force that a second person must approve.
type Ask struct {
	By   journal.Actor `json:"by"`
	At   time.Time     `json:"at"`
	Note string        `json:"note"`
}

// Classifier is one that was trained here or taken in, or is being.
type Classifier struct {
	N          int             `json:"n"`
	State      State           `json:"state"`
	Hash       string          `json:"hash"` // of its artefact
	Size       int             `json:"size"` // of its artefact, bytes
	By         journal.Actor   `json:"by"`
	Started    time.Time       `json:"started"`
	Ended      time.Time       `json:"ended,omitzero"`   // of the training
	Since      time.Time       `json:"since,omitzero"`   // samples drawn from then on; absent: all
	Source     string          `json:"source,omitempty"` // of one that was trained elsewhere
	Set        Material        `json:"set"`
	Trained    int             `json:"trained"` // samples it was trained on
	Held       int             `json:"held"`    // samples of other users kept apart to measure with
	Progress   Progress        `json:"progress"`
	Report     json.RawMessage `json:"report,omitempty"`     // the trainer's own
	Calibrated []Calibrated    `json:"calibrated,omitempty"` // by risk; none of one that was taken in
	Figures    *Measured       `json:"figures,omitempty"`
	Later      *Measured       `json:"later,omitempty"` // measured again, on samples reviewed after its training
	Asked      *Ask            `json:"asked,omitempty"`
	Approved   journal.Actor   `json:"approved,omitzero"` // the second person
	Moved      time.Time       `json:"moved,omitzero"`    // into its state
	Failed     string          `json:"failed,omitempty"`
	Few        bool            `json:"few,omitempty"` // it failed because Set has too few different texts
}

// Name is what it is called among detectors.
func (c Classifier) Name() string { return nameOf(c.N) }

// Concern is a limit that a classifier does not keep.
type Concern struct {
	// Code is bank_limit, harmless_limit, harmless_few, limit_unshown (too few harmless texts to show that a threshold keeps its
	// limit), imported (what it was measured on came with it) or drift.
	Code     string         `json:"code"`
	Category string         `json:"category,omitempty"` // the risk, of limit_unshown
	Force    measures.Force `json:"force"`              // whose number it is: ours, or the standard's
	Share    Share          `json:"share"`
}

// Concerns lists why a second person must approve putting it in force; none: one person may.
func (c Classifier) Concerns() []Concern {
	if c.Figures == nil {
		return nil
	}
	var out []Concern
	if c.Figures.Bank.Rate() > measures.OverBlockLimit {
		out = append(out, Concern{"bank_limit", "", measures.Shall, c.Figures.Bank})
	}
	if c.Figures.Harmless.Rate() > measures.OverBlockLimit {
		out = append(out, Concern{"harmless_limit", "", measures.Ours, c.Figures.Harmless})
	}
	if c.Figures.Harmless.Of < MinMeasured {
		out = append(out, Concern{"harmless_few", "", measures.Ours, c.Figures.Harmless})
	}
	for _, l := range c.Calibrated {
		if !l.Shown {
			out = append(out, Concern{"limit_unshown", l.Category, measures.Ours, l.OverBlock})
		}
	}
	if c.Source != "" {
		out = append(out, Concern{"imported", "", measures.Ours, c.Figures.Harmless})
	}
	if c.Drifted() {
		out = append(out, Concern{"drift", "", measures.Ours, c.Later.Harmless})
	}
	return out
}

// Drifted tells whether samples reviewed after its training show it at its worse: an interval that lies wholly on the wrong
// side of the one measured at its training.
func (c Classifier) Drifted() bool {
	if c.Figures == nil || c.Later == nil {
		return false
	}
	if c.Later.Harmless.Of > 0 && c.Figures.Harmless.Of > 0 && c.Later.Harmless.Low > c.Figures.Harmless.High {
		return true
	}
	return slices.ContainsFunc(c.Later.Labels, func(l LabelFigure) bool {
		return slices.ContainsFunc(c.Figures.Labels, func(f LabelFigure) bool {
			return f.Category == l.Category && l.Found.Of > 0 && l.Found.High < f.Found.Low
		})
	})
}

type classifierRow struct {
	N     int64  `db:"n"`
	State string `db:"state"`
	Hash  string `db:"hash"`
	About string `db:"about"`
	AtMS  int64  `db:"at_ms"`
}

const selectClassifier = `SELECT n, state, hash, about, at_ms FROM review_classifier`

func (r *Register) classifier(row classifierRow) (Classifier, error) {
	var c Classifier
	if err := json.Unmarshal([]byte(row.About), &c); err != nil {
		return c, fmt.Errorf("review: what is stored about classifier %d is damaged: %w", row.N, err)
	}
	c.N, c.State, c.Hash = int(row.N), State(row.State), row.Hash
	if c.State == Training && r.now().Sub(time.UnixMilli(row.AtMS)) > stale {
		c.State = Failed
	}
	if c.State == Failed && c.Failed == "" {
		c.Failed = "the process that trained it ended before the training did"
	}
	return c, nil
}

// Classifiers lists them, newest first.
func (r *Register) Classifiers(ctx context.Context) ([]Classifier, error) {
	rows, err := store.Rows[classifierRow](ctx, r.db.R, selectClassifier+` ORDER BY n DESC`)
	if err != nil {
		return nil, fmt.Errorf("review: classifiers: %w", err)
	}
	out := make([]Classifier, len(rows))
	for i, row := range rows {
		if out[i], err = r.classifier(row); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Classifier returns one; ErrUnknown when there is none of that number.
func (r *Register) Classifier(ctx context.Context, n int) (Classifier, error) {
	row, err := store.Row[classifierRow](ctx, r.db.R, selectClassifier+` WHERE n = $1`, int64(n))
	if errors.Is(err, store.ErrNotFound) {
		return Classifier{}, fmt.Errorf("%w: classifier %d", ErrUnknown, n)
	}
	if err != nil {
		return Classifier{}, fmt.Errorf("review: classifier %d: %w", n, err)
	}
	return r.classifier(row)
}

// ToShadow has a classifier consulted and recorded without acting. What was in shadow before is retired.
func (r *Register) ToShadow(ctx context.Context, who journal.Actor, n int) error {
	return r.move(ctx, who, n, Shadow, "", func(c *Classifier) error {
		if c.State != Trained && c.State != Retired && c.State != Force {
			return ErrState
		}
		return nil
	})
}

// ToForce puts a classifier that is in shadow in force. Above a limit it is ErrNeedsSecond and nothing changes: Ask then,
// and let another person Confirm. What was in force before is retired.
func (r *Register) ToForce(ctx context.Context, who journal.Actor, n int) error {
	return r.move(ctx, who, n, Force, "", func(c *Classifier) error {
		switch {
		case c.State != Shadow:
			return ErrState
		case c.Figures == nil || c.Figures.Bank.Of == 0 || c.Figures.Failed > 0:
			return ErrNotMeasured
		case len(c.Concerns()) > 0:
			return ErrNeedsSecond
		}
		return nil
	})
}

// AskForce asks for the approval of a second person to put a classifier in force.
func (r *Register) AskForce(ctx context.Context, who journal.Actor, n int, note string) error {
	return r.move(ctx, who, n, Shadow, "asked", func(c *Classifier) error {
		switch {
		case c.State != Shadow:
			return ErrState
		case c.Figures == nil || c.Figures.Bank.Of == 0 || c.Figures.Failed > 0:
			return ErrNotMeasured
		}
		if err := checkNote(note); err != nil {
			return err
		}
		c.Asked = &Ask{who, r.clock(), note}
		return nil
	})
}

// ConfirmForce is the second person's approval.
func (r *Register) ConfirmForce(ctx context.Context, who journal.Actor, n int) error {
	return r.move(ctx, who, n, Force, "", func(c *Classifier) error {
		switch {
		case c.State != Shadow:
			return ErrState
		case c.Asked == nil:
			return ErrNoProposal
		case c.Asked.By.ID == who.ID:
			return ErrSamePerson
		}
		c.Approved = who
		return nil
	})
}

// Retire takes a classifier out of use. One person may: it only ever lets more through to the other detectors.
func (r *Register) Retire(ctx context.Context, who journal.Actor, n int) error {
	return r.move(ctx, who, n, Retired, "", func(c *Classifier) error {
		if c.State != Trained && c.State != Shadow && c.State != Force {
			return ErrState
		}
		return nil
	})
}

// move changes a classifier's state with an event and has this process follow at once, others within a second.
func (r *Register) move(ctx context.Context, who journal.Actor, n int, to State, what string, may func(*Classifier) error) error {
	if err := needPerson(who); err != nil {
		return err
	}
	c, err := r.Classifier(ctx, n)
	if err != nil {
		return err
	}
	from := c.State
	if err := may(&c); errors.Is(err, ErrState) {
		return &StateError{n, from, doing(to, what)}
	} else if err != nil {
		return err
	}
	now := r.clock()
	if what == "" {
		what, c.State, c.Moved = string(to), to, now
		if to != Force {
			c.Approved = journal.Actor{}
		}
		c.Asked = nil
	}
	about, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("review: %w", err)
	}
	body := map[string]any{"what": what, "from": from, "hash": c.Hash}
	if c.Figures != nil {
		body["bank"], body["over_block"] = c.Figures.Bank, c.Figures.Harmless
	}
	if c.Approved.ID != "" {
		body["approved"] = c.Approved
	}
	event, err := r.event(who, journal.ClassifierMoved, "classifier", strconv.Itoa(n), now, body)
	if err != nil {
		return err
	}
	_, err = r.j.Commit(ctx, journal.Write{Events: []journal.Event{event}, Apply: func(ctx context.Context, tx *sql.Tx) error {
		if to != from && (to == Shadow || to == Force) { // makes room
			if _, err := tx.ExecContext(ctx, `UPDATE review_classifier SET state = 'retired', at_ms = $1, event = $2 WHERE state = $3 AND n <> $4`, now.UnixMilli(), event.ID, string(to), int64(n)); err != nil {
				return err
			}
		}
		return one(tx.ExecContext(ctx, `UPDATE review_classifier SET state = $1, about = $2, at_ms = $3, event = $4 WHERE n = $5 AND state = $6`,
			string(c.State), string(about), now.UnixMilli(), event.ID, int64(n), string(from)))
	}})
	if errors.Is(err, ErrState) {
		return ErrState
	}
	if err != nil {
		return fmt.Errorf("review: classifier: %w", err)
	}
	return r.Refresh(ctx)
}

// doing names what a move is about; to ask for force keeps the state.
func doing(to State, what string) string {
	switch {
	case to == Force || what == "asked":
		return "force"
	case to == Retired:
		return "retire"
	}
	return "shadow"
}

// MeasureLater measures a classifier again, on the bank and on the samples drawn after its training began and judged since;
// what it says of drift goes with it. Each reading is recorded.
func (r *Register) MeasureLater(ctx context.Context, who journal.Actor, n int) (Classifier, error) {
	if err := needPerson(who); err != nil {
		return Classifier{}, err
	}
	c, err := r.Classifier(ctx, n)
	if err != nil {
		return c, err
	}
	if c.Hash == "" {
		return c, &StateError{n, c.State, "measure"}
	}
	detector, err := r.detector(ctx, n, c.Hash)
	if err != nil {
		return c, err
	}
	samples, _, err := r.trainingSet(ctx, who, c.Started, "measuring classifier "+strconv.Itoa(n)+" again", func(int, int) {})
	if err != nil {
		return c, err
	}
	later, err := measure(ctx, detector, r.src.Bank(), samples, r.clock())
	if err != nil {
		return c, err
	}
	c.Later = &later
	about, err := json.Marshal(c)
	if err != nil {
		return c, fmt.Errorf("review: %w", err)
	}
	_, err = r.j.Commit(ctx, journal.Write{Apply: func(ctx context.Context, tx *sql.Tx) error {
		return one(tx.ExecContext(ctx, `UPDATE review_classifier SET about = $1 WHERE n = $2 AND state = $3`, string(about), int64(n), string(c.State)))
	}})
	if err != nil && !errors.Is(err, ErrState) {
		err = fmt.Errorf("review: measure: %w", err)
	}
	return c, err
}

// partBytes is the size of a piece of an artefact: what a transaction writes while exchanges wait.
const partBytes = 64 << 10

// keep writes an artefact piece by piece. The same again is no news.
func (r *Register) keep(ctx context.Context, hash string, artefact []byte) error {
	i := 0
	for data := range slices.Chunk(artefact, partBytes) {
		if _, err := r.db.W.ExecContext(ctx, `INSERT INTO review_classifier_part (hash, part, data) VALUES ($1, $2, $3) ON CONFLICT (hash, part) DO NOTHING`, hash, int64(i), data); err != nil {
			return fmt.Errorf("review: artefact: %w", err)
		}
		i++
	}
	return nil
}

// artefact reads one; one that is not what was trained is an error.
func (r *Register) artefact(ctx context.Context, hash string) ([]byte, error) {
	parts, err := store.Rows[[]byte](ctx, r.db.R, `SELECT data FROM review_classifier_part WHERE hash = $1 ORDER BY part`, hash)
	if err != nil {
		return nil, fmt.Errorf("review: artefact: %w", err)
	}
	artefact := bytes.Join(parts, nil)
	if sum := sha256.Sum256(artefact); hex.EncodeToString(sum[:]) != hash {
		return nil, errors.New("review: the stored classifier is not the one that was trained; restore it from a backup or train another")
	}
	return artefact, nil
}

// nameOf is what a trained classifier is called among detectors.
func nameOf(n int) string { return "linear-" + strconv.Itoa(n) }

// Owns tells whether a trained classifier has or may get a name as a detector.
func Owns(detector string) bool {
	n, err := strconv.Atoi(strings.TrimPrefix(detector, "linear-"))
	return err == nil && detector == nameOf(n)
}

// detector opens a trained classifier.
func (r *Register) detector(ctx context.Context, n int, hash string) (moderation.Detector, error) {
	if r.src.Learner.Open == nil {
		return nil, ErrNoLearner
	}
	artefact, err := r.artefact(ctx, hash)
	if err != nil {
		return nil, err
	}
	d, err := r.src.Learner.Open(artefact, nameOf(n))
	if err != nil {
		return nil, fmt.Errorf("review: artefact: %w", err)
	}
	return d, nil
}

// lineup is what is consulted, as read at one Generation.
type lineup struct {
	generation uint64
	hashes     string // states, numbers and hashes: the same needs no reading
	detectors  []moderation.Detector
	consulted  []Consulted
}

// Consulted is a classifier that is asked now.
type Consulted struct {
	N        int
	State    State
	Detector moderation.Detector // as trained, without what shadow adds
}

// Consulted lists those of Detectors, in the same order.
func (r *Register) Consulted() []Consulted {
	if l := r.line.Load(); l != nil {
		return l.consulted
	}
	return nil
}

// Detectors returns the trained classifiers to consult now: the one in force, and the one in shadow, which only observes.
// It never waits; Refresh brings it up to date.
func (r *Register) Detectors() []moderation.Detector {
	if l := r.line.Load(); l != nil {
		return l.detectors
	}
	return nil
}

// Refresh makes Detectors follow what other processes have decided. It is cheap while the journal's Generation has not
// moved; call it several times a second. When a classifier cannot be read, what was consulted before stays and the error
// says why.
func (r *Register) Refresh(ctx context.Context) error {
	generation := r.j.Generation() + 1
	before := r.line.Load()
	if before != nil && before.generation == generation {
		return nil
	}
	rows, err := store.Rows[classifierRow](ctx, r.db.R, selectClassifier+` WHERE state IN ('shadow', 'force') ORDER BY n`)
	if err != nil {
		return fmt.Errorf("review: detectors: %w", err)
	}
	next := &lineup{generation: generation}
	for _, row := range rows {
		next.hashes += fmt.Sprint(row.State, row.N, row.Hash, " ")
	}
	if before != nil && before.hashes == next.hashes {
		next.detectors, next.consulted = before.detectors, before.consulted
		r.line.Store(next)
		return nil
	}
	for _, row := range rows {
		d, err := r.detector(ctx, int(row.N), row.Hash)
		if err != nil {
			return fmt.Errorf("review: classifier %d: %w", row.N, err)
		}
		next.consulted = append(next.consulted, Consulted{int(row.N), State(row.State), d})
		if State(row.State) == Shadow {
			d = observer{d}
		}
		next.detectors = append(next.detectors, d)
	}
	r.line.Store(next)
	return nil
}

// KindShadow is the kind of a classifier in shadow: a row of a policy that acts on classifiers (linear) does not mean it.
const KindShadow = "shadow"

// observer is a detector in shadow: what it finds is recorded and acts on nothing, no answer is held back for it, and when it is
// down the request goes on.
type observer struct{ moderation.Detector }

func (o observer) Describe() moderation.Description {
	d := o.Detector.Describe()
	d.Kind, d.Observes, d.OnError, d.Exposed = KindShadow, true, moderation.Degrade, moderation.Exposure{Otherwise: moderation.Unlimited, Minors: moderation.Unlimited}
	return d
}

func (o observer) Check(ctx context.Context, q moderation.Query) (moderation.Judgement, error) {
	j, err := o.Detector.Check(ctx, q)
	j.Findings = slices.Clone(j.Findings)
	for i := range j.Findings {
		j.Findings[i].Tier = moderation.Observe
	}
	return j, err
}
