package review

import (
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
	"sync/atomic"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/moderation"
)

// Limits of training. Ours.
const (
	// MinSide is how many reviewed samples of different texts a training needs of harmful and of harmless ones each.
	MinSide = 80
	// MinMeasured is how many harmless texts kept apart a figure must rest on for one person to force a classifier.
	MinMeasured = 20
	// heldOut of every so many users are kept apart from training and measured with.
	heldOut = 5
	// beat is how often a training that runs says so; after stale without a word it has died with its process.
	beat  = 5 * time.Second
	stale = time.Minute
)

var (
	// ErrTraining says that a classifier is being trained already.
	ErrTraining = errors.New("review: a classifier is being trained already")
	// ErrNoLearner says that this installation has nothing that trains.
	ErrNoLearner = errors.New("review: nothing is built in that trains classifiers")
	// ErrTooFew says that too little has been judged to train on.
	ErrTooFew = fmt.Errorf("review: training needs at least %d judged samples of different texts with a risk and %d without, of services that declare the purpose", MinSide, MinSide)
)

// Material counts what a training has or would have: samples before their texts were read, different texts after.
type Material struct {
	Samples  int            `json:"samples"`
	Harmless int            `json:"harmless"`
	Labels   map[string]int `json:"labels"`
	Barred   int            `json:"barred"`  // of services that have not declared that content may train detectors
	Skipped  int            `json:"skipped"` // erased, purged or never kept
	// After the texts were read: samples of a text that another sample has too, and samples of texts of which as many people
	// said one thing as another. Neither is among Samples.
	Repeated  int `json:"repeated,omitempty"`
	Undecided int `json:"undecided,omitempty"`
}

// Harmful is how many have a risk.
func (m Material) Harmful() int { return m.Samples - m.Harmless }

// Enough tells whether there is enough to train on.
func (m Material) Enough() bool { return m.Harmless >= MinSide && m.Samples-m.Harmless >= MinSide }

// eligible lists the samples drawn since a moment that count and may be trained on.
func (r *Register) eligible(ctx context.Context, since time.Time) ([]Sample, Material, error) {
	m := Material{Labels: map[string]int{}}
	people, err := r.people(ctx)
	if err != nil {
		return nil, m, err
	}
	samples, err := r.load(ctx, `state = 'decided' AND at_ms >= $1`, since.UnixMilli())
	if err != nil {
		return nil, m, err
	}
	bounded := boundedOf(people)
	var out []Sample
	for _, s := range samples {
		if s.Outcome = settle(s.Decisions, bounded); !s.Outcome.Counts {
			continue
		}
		if !r.src.MayTrain(s.Service) {
			m.Barred++
			continue
		}
		m.count(s.Outcome.Labels)
		out = append(out, s)
	}
	return out, m, nil
}

func (m *Material) count(labels []string) {
	m.Samples++
	if len(labels) == 0 {
		m.Harmless++
	}
	for _, l := range labels {
		m.Labels[l]++
	}
}

// Material counts what a training from samples drawn since a moment would have; nothing is read.
func (r *Register) Material(ctx context.Context, since time.Time) (Material, error) {
	_, m, err := r.eligible(ctx, since)
	return m, err
}

// TrainingSet reads the texts of the samples drawn since a moment that count, of services that declare the purpose, each text
// once. Each reading is recorded with who asked and that it serves training. Samples of one user share a group.
func (r *Register) TrainingSet(ctx context.Context, who journal.Actor, since time.Time) ([]Example, Material, error) {
	return r.trainingSet(ctx, who, since, "training of a classifier", func(int, int) {})
}

func (r *Register) trainingSet(ctx context.Context, who journal.Actor, since time.Time, reason string, progress func(done, of int)) ([]Example, Material, error) {
	samples, all, err := r.eligible(ctx, since)
	if err != nil {
		return nil, all, err
	}
	m := Material{Labels: map[string]int{}, Barred: all.Barred}
	var out []Example
	for i, s := range samples {
		progress(i, len(samples))
		texts, err := r.src.Read(ctx, who, s.Exchange, reason)
		if errors.Is(err, ErrNoContent) || errors.Is(err, journal.ErrErased) {
			m.Skipped++
			continue
		}
		if err != nil {
			return nil, m, fmt.Errorf("review: training: %w", err)
		}
		text, ok := textOf(texts, s)
		if !ok {
			m.Skipped++
			continue
		}
		out = append(out, Example{Text: text, Labels: s.Outcome.Labels, Weight: 1, Group: s.Subject})
	}
	return distinct(out, &m), m, nil
}

// apart splits samples by user: one part to train on, one kept apart to measure with.
func apart(samples []Example) (train, test []Example) {
	for _, s := range samples {
		sum := sha256.Sum256([]byte("hegui held out " + s.Group))
		if sum[0]%heldOut == 0 {
			test = append(test, s)
		} else {
			train = append(train, s)
		}
	}
	return train, test
}

// LabelFigure is how a classifier does on one risk, on samples kept apart.
type LabelFigure struct {
	Category string `json:"category"`
	Found    Share  `json:"found"` // of the texts that have the risk
	False    Share  `json:"false"` // of those that do not
}

// Measured is what a classifier does on texts that it was not trained on.
type Measured struct {
	At       time.Time     `json:"at"`
	Bank     Share         `json:"bank"`     // questions that must be answered and are hit, in any wording
	Harmless Share         `json:"harmless"` // harmless reviewed samples that are hit
	Labels   []LabelFigure `json:"labels"`
	Failed   int           `json:"failed"` // texts that it could not judge
}

// measure asks a detector about the bank and about reviewed samples.
func measure(ctx context.Context, d moderation.Detector, bank []Question, samples []Example, now time.Time) (Measured, error) {
	m := Measured{At: now}
	hits := func(text string) (map[string]bool, error) {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("review: measure: %w", err)
		}
		j := moderation.Consult(ctx, d, moderation.Query{Scene: moderation.Scene{Direction: "in", Channel: "content", User: "unknown"}, Text: []byte(text)})
		found := map[string]bool{}
		if j.Outcome == moderation.Unavailable {
			m.Failed++
		}
		for _, f := range j.Findings {
			found[f.Category] = true
		}
		return found, nil
	}
	asked, blocked := map[string]bool{}, map[string]bool{}
	for _, q := range bank {
		found, err := hits(q.Text)
		if err != nil {
			return m, err
		}
		asked[q.ID] = true
		if len(found) > 0 {
			blocked[q.ID] = true
		}
	}
	m.Bank = ShareOf(len(blocked), len(asked))
	risks := map[string]bool{}
	for _, s := range samples {
		for _, l := range s.Labels {
			risks[l] = true
		}
	}
	type tally struct{ found, of, wrong, others int }
	tallies := map[string]*tally{}
	for l := range risks {
		tallies[l] = &tally{}
	}
	harmless, over := 0, 0
	for _, s := range samples {
		found, err := hits(s.Text)
		if err != nil {
			return m, err
		}
		if len(s.Labels) == 0 {
			harmless++
			if len(found) > 0 {
				over++
			}
		}
		for l, t := range tallies {
			if slices.Contains(s.Labels, l) {
				t.of++
				if found[l] {
					t.found++
				}
			} else {
				t.others++
				if found[l] {
					t.wrong++
				}
			}
		}
	}
	m.Harmless = ShareOf(over, harmless)
	for l, t := range tallies {
		m.Labels = append(m.Labels, LabelFigure{l, ShareOf(t.found, t.of), ShareOf(t.wrong, t.others)})
	}
	slices.SortFunc(m.Labels, func(a, b LabelFigure) int { return strings.Compare(a.Category, b.Category) })
	return m, nil
}

// Train starts the training of a classifier from samples drawn since a moment and returns its number at once. The rest
// happens behind it; Classifiers tells how far it is. One training runs at a time.
func (r *Register) Train(ctx context.Context, who journal.Actor, since time.Time) (int, error) {
	if err := needPerson(who); err != nil {
		return 0, err
	}
	if r.src.Learner.Train == nil {
		return 0, ErrNoLearner
	}
	m, err := r.Material(ctx, since)
	if err != nil {
		return 0, err
	}
	if !m.Enough() {
		return 0, ErrTooFew
	}
	c := Classifier{By: who, Since: since.UTC(), Set: m, Progress: Progress{Stage: "reading", Of: m.Samples}}
	if err := r.begin(ctx, &c); err != nil {
		return 0, err
	}
	r.jobs.Add(1)
	go func() {
		defer r.jobs.Done()
		r.train(r.background, c)
	}()
	return c.N, nil
}

// begin gives a classifier its number and its row. One at a time: ErrTraining.
func (r *Register) begin(ctx context.Context, c *Classifier) error {
	list, err := r.Classifiers(ctx)
	if err != nil {
		return err
	}
	now := r.clock()
	c.N, c.State, c.Started = 1, Training, now
	if len(list) > 0 {
		c.N = list[0].N + 1
	}
	about, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("review: %w", err)
	}
	_, err = r.j.Commit(ctx, journal.Write{Apply: func(ctx context.Context, tx *sql.Tx) error {
		// What died with its process does not stand in the way for ever.
		if _, err := tx.ExecContext(ctx, `UPDATE review_classifier SET state = 'failed' WHERE state = 'training' AND at_ms < $1`, now.Add(-stale).UnixMilli()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO review_classifier (n, state, hash, about, at_ms, event) VALUES ($1, 'training', '', $2, $3, '')`, int64(c.N), string(about), now.UnixMilli())
		return err
	}})
	if store.IsUnique(err) {
		return ErrTraining
	}
	if err != nil {
		return fmt.Errorf("review: train: %w", err)
	}
	return nil
}

// Import takes in a classifier that was trained elsewhere, as the artefact that hegui classifier train writes. It is measured here, on the
// bank and on the samples given, which it must not have been trained on, and stands as trained: what it takes to shadow and into force
// is the same as for others. source is what the journal calls where it came from.
func (r *Register) Import(ctx context.Context, who journal.Actor, artefact []byte, source string, samples []Example) (Classifier, error) {
	if err := needPerson(who); err != nil {
		return Classifier{}, err
	}
	if r.src.Learner.Open == nil {
		return Classifier{}, ErrNoLearner
	}
	if _, err := r.src.Learner.Open(artefact, nameOf(1)); err != nil {
		return Classifier{}, fmt.Errorf("review: artefact: %w", err)
	}
	if err := checkNote(source); err != nil {
		return Classifier{}, err
	}
	c := Classifier{By: who, Source: source, Held: len(samples), Progress: Progress{Stage: "measuring"}}
	if err := r.begin(ctx, &c); err != nil {
		return c, err
	}
	if err := r.examine(ctx, &c, artefact, samples); err != nil {
		c.State, c.Failed = Failed, err.Error()
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	return c, r.trained(end, c, artefact)
}

// train is the work of Train; whatever happens ends in a row that says so.
func (r *Register) train(ctx context.Context, c Classifier) {
	var at atomic.Pointer[Progress]
	at.Store(&c.Progress)
	done, begun := make(chan struct{}), c
	defer close(done)
	go func() { // says that it is alive and how far
		tick := time.NewTicker(beat / 10)
		defer tick.Stop()
		last, said := Progress{}, time.Time{}
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				if p := *at.Load(); p != last || time.Since(said) > beat {
					last, said = p, time.Now()
					r.say(ctx, begun, p)
				}
			}
		}
	}()
	model, err := r.learn(ctx, &c, func(p Progress) { at.Store(&p) })
	if err != nil {
		c.State, c.Failed = Failed, err.Error()
	}
	// The row is written even when the process is about to end.
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	_ = r.trained(end, c, model) // an unwritten end shows as a training that died
}

// say notes how far a training is.
func (r *Register) say(ctx context.Context, c Classifier, p Progress) {
	c.Progress = p
	about, err := json.Marshal(c)
	if err != nil {
		return
	}
	_, _ = r.db.W.ExecContext(ctx, `UPDATE review_classifier SET about = $1, at_ms = $2 WHERE n = $3 AND state = 'training'`, string(about), r.clock().UnixMilli(), int64(c.N)) // the next beat tries again
}

// learn reads, trains and measures.
func (r *Register) learn(ctx context.Context, c *Classifier, progress func(Progress)) (artefact []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("review: training panicked: %v", p)
		}
	}()
	samples, m, err := r.trainingSet(ctx, c.By, c.Since, "training of classifier "+strconv.Itoa(c.N), func(done, of int) { progress(Progress{"reading", done, of}) })
	if err != nil {
		return nil, err
	}
	if c.Set = m; !m.Enough() {
		c.Few = true
		return nil, fmt.Errorf("%w: %d and %d are different texts", ErrTooFew, m.Samples-m.Harmless, m.Harmless)
	}
	train, test := apart(samples)
	c.Trained, c.Held = len(train), len(test)
	progress(Progress{Stage: "training"})
	learned, err := r.src.Learner.Train(ctx, train)
	if err != nil {
		return nil, fmt.Errorf("review: train: %w", err)
	}
	c.Report, c.Calibrated = learned.Report, learned.Calibrated
	progress(Progress{Stage: "measuring"})
	return learned.Artefact, r.examine(ctx, c, learned.Artefact, test)
}

// examine measures an artefact, as it will be read from its row.
func (r *Register) examine(ctx context.Context, c *Classifier, artefact []byte, test []Example) error {
	detector, err := r.src.Learner.Open(artefact, nameOf(c.N))
	if err != nil {
		return fmt.Errorf("review: artefact: %w", err)
	}
	figures, err := measure(ctx, detector, r.src.Bank(), test, r.clock())
	if err != nil {
		return err
	}
	sum := sha256.Sum256(artefact)
	c.State, c.Hash, c.Size, c.Figures = Trained, hex.EncodeToString(sum[:]), len(artefact), &figures
	return nil
}

// trained writes the end of a training.
func (r *Register) trained(ctx context.Context, c Classifier, artefact []byte) error {
	c.Progress, c.Ended = Progress{}, r.clock()
	about, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("review: %w", err)
	}
	body := map[string]any{"state": c.State, "hash": c.Hash, "samples": c.Set.Samples, "harmless": c.Set.Harmless}
	if c.Source != "" {
		body["source"] = c.Source
	}
	if c.Figures != nil {
		body["bank"], body["over_block"] = c.Figures.Bank, c.Figures.Harmless
	}
	event, err := r.event(c.By, journal.ClassifierTrained, "classifier", strconv.Itoa(c.N), c.Ended, body)
	if err != nil {
		return err
	}
	if c.State == Trained {
		if err := r.keep(ctx, c.Hash, artefact); err != nil {
			return err
		}
	}
	_, err = r.j.Commit(ctx, journal.Write{Events: []journal.Event{event}, Apply: func(ctx context.Context, tx *sql.Tx) error {
		return one(tx.ExecContext(ctx, `UPDATE review_classifier SET state = $1, hash = $2, about = $3, at_ms = $4, event = $5 WHERE n = $6 AND state = 'training'`,
			string(c.State), c.Hash, string(about), c.Ended.UnixMilli(), event.ID, int64(c.N)))
	}})
	if err != nil {
		return fmt.Errorf("review: end of training: %w", err)
	}
	return nil
}
