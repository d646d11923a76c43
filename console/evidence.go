package console

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/operator"
)

type evidenceData struct {
	Heads      []journal.Head
	Checkpoint checkpoint
	Events     []journal.Event
	Count      int64
	Verbs      []journal.Verb
	Filter     map[string]string
	Filtered   bool
	Next       string
	First      bool
	CanVerify  bool
	Staff      map[string]string
}

// eventFilter reads the filter of the evidence page and its API.
func eventFilter(v *visit) (journal.Filter, error) {
	q := v.r.URL.Query()
	get := func(k string) string { return strings.TrimSpace(q.Get(k)) }
	f := journal.Filter{Log: get("log"), Ref: journal.Ref{Kind: get("kind"), ID: get("id")}, Before: get("before")}
	if verb := journal.Verb(get("verb")); verb != "" {
		if !slices.Contains(verbs(), verb) {
			return f, invalid("verb", "invalid.verb", string(verb))
		}
		f.Verbs = []journal.Verb{verb}
	}
	var err error
	if f.From, err = moment("from", get("from"), false); err != nil {
		return f, err
	}
	if f.To, err = moment("to", get("to"), true); err != nil {
		return f, err
	}
	if n := get("limit"); n != "" {
		if f.Limit, err = strconv.Atoi(n); err != nil || f.Limit < 1 || f.Limit > 1000 {
			return f, invalid("limit", "invalid.limit", n)
		}
	}
	return f, nil
}

// verbs lists what can be asked for, in the order of the journal's own table.
func verbs() []journal.Verb {
	var out []journal.Verb
	for _, d := range journal.Verbs() {
		out = append(out, d.Verb)
	}
	return out
}

func (c *console) evidence(v *visit) error {
	ctx, q := v.r.Context(), v.r.URL.Query()
	f, err := eventFilter(v)
	if err != nil {
		return err
	}
	d := evidenceData{Verbs: verbs(), Filter: map[string]string{}, First: f.Before == "", CanVerify: v.staff.Can(operator.Verify), Staff: map[string]string{}}
	for _, k := range []string{"log", "verb", "kind", "id", "from", "to"} {
		d.Filter[k] = strings.TrimSpace(q.Get(k))
		d.Filtered = d.Filtered || d.Filter[k] != ""
	}
	if d.Heads, err = c.Journal.Heads(ctx); err != nil {
		return err
	}
	if d.Checkpoint, err = c.checkpoint(ctx); err != nil {
		return err
	}
	f.Limit = pageSize + 1
	if d.Events, err = c.Journal.Events(ctx, f); err != nil {
		return err
	}
	if len(d.Events) > pageSize {
		d.Events = d.Events[:pageSize]
		d.Next = d.Events[pageSize-1].ID
	}
	if d.Count, err = c.Journal.Count(ctx, f); err != nil {
		return err
	}
	if d.Staff, err = c.staffNames(v); err != nil {
		return err
	}
	return c.show(v, "evidence", d)
}

func (c *console) staffNames(v *visit) (map[string]string, error) {
	list, err := c.Staff.List(v.r.Context())
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, s := range list {
		names[s.ID] = s.Name
	}
	return names, nil
}

// prove fetches the proof of one event and checks it with nothing but the public key before anybody sees it.
func (c *console) prove(v *visit, log string, seq int64) (journal.Proof, error) {
	p, err := c.Journal.Prove(v.r.Context(), log, seq)
	if err != nil {
		return journal.Proof{}, err
	}
	if err := p.Check(c.Verifier); err != nil {
		return journal.Proof{}, fmt.Errorf("console: proof of %s#%d: %w", log, seq, err)
	}
	return p, nil
}

func leafOf(v *visit) (log string, seq int64, err error) {
	log = v.r.URL.Query().Get("log")
	text := v.r.URL.Query().Get("seq")
	if seq, err = strconv.ParseInt(text, 10, 64); err != nil || seq < 0 {
		return "", 0, invalid("seq", "invalid.seq", text)
	}
	if log == "" {
		return "", 0, invalid("log", "invalid.log")
	}
	return log, seq, nil
}

type eventData struct {
	Proof   journal.Proof
	Event   journal.Event
	Problem string
	Who     string
}

func (c *console) event(v *visit) error {
	log, seq, err := leafOf(v)
	if err != nil {
		return err
	}
	e, leaf, err := c.leaf(v, log, seq)
	if err != nil {
		return err
	}
	d := eventData{Event: e, Proof: journal.Proof{Log: log, Seq: seq, Leaf: string(leaf)}}
	if p, err := c.prove(v, log, seq); err != nil {
		d.Problem = err.Error()
	} else {
		d.Proof = p
	}
	names, err := c.staffNames(v)
	if err != nil {
		return err
	}
	d.Who = names[d.Event.Who.ID]
	return c.show(v, "event", d)
}

// leaf reads one event; a place that is in no tree is 404.
func (c *console) leaf(v *visit, log string, seq int64) (journal.Event, []byte, error) {
	e, leaf, err := c.Journal.Leaf(v.r.Context(), log, seq)
	if errors.Is(err, store.ErrNotFound) {
		return e, nil, &web.Problem{Status: http.StatusNotFound, Key: "invalid.leaf", Args: []any{log, seq}, Err: err}
	}
	return e, leaf, err
}

// sign signs a checkpoint over the tree as it is now.
func (c *console) sign(v *visit) error {
	if _, err := c.Journal.Checkpoint(v.r.Context()); err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", "flash.signed")
	c.site.Redirect(v.w, v.r, "/evidence")
	return nil
}

// proof hands out the proof as a file that anybody can check with the public key.
func (c *console) proof(v *visit) error {
	log, seq, err := leafOf(v)
	if err != nil {
		return err
	}
	if _, _, err := c.leaf(v, log, seq); err != nil {
		return err
	}
	p, err := c.prove(v, log, seq)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(v.r.URL.Path, "/api/") {
		web.Attachment(v.w, "application/json", fmt.Sprintf("hegui-proof-%d.json", seq))
	}
	return web.JSON(v.w, http.StatusOK, p)
}

func (c *console) verifyAll(v *visit) (journal.Report, error) {
	if c.VerifyAll != nil {
		return c.VerifyAll(v.r.Context())
	}
	return c.Journal.Verify(v.r.Context(), []journal.Projection{c.Exchanges}, nil)
}

type verifyData struct {
	journal.Report
	Took time.Duration
	At   time.Time
}

func (c *console) verify(v *visit) error {
	start := c.Now()
	report, err := c.verifyAll(v)
	if err != nil {
		return err
	}
	return c.show(v, "verify", verifyData{report, c.Now().Sub(start), c.Now()})
}

func (c *console) apiVerify(v *visit) error {
	report, err := c.verifyAll(v)
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, report)
}

func (c *console) apiEvents(v *visit) error {
	f, err := eventFilter(v)
	if err != nil {
		return err
	}
	events, err := c.Journal.Events(v.r.Context(), f)
	if err != nil {
		return err
	}
	count, err := c.Journal.Count(v.r.Context(), f)
	if err != nil {
		return err
	}
	if events == nil {
		events = []journal.Event{}
	}
	return web.JSON(v.w, http.StatusOK, eventsAnswer{count, events})
}
