package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

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
		if !slices.Contains(verbs, verb) {
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
var verbs = []journal.Verb{
	journal.ExchangeOpened, journal.ExchangeClosed, journal.ExchangeRefused, journal.ContentRead,
	journal.ServiceInForce, journal.ModelInForce, journal.TextInForce, journal.LexiconInForce, journal.KeyIssued, journal.KeyRevoked,
	journal.UserSeen, journal.UserAccepted, journal.UserSuspended, journal.UserLifted, journal.UserErased,
	journal.StaffAdded, journal.StaffChanged, journal.StaffLinked, journal.StaffLoggedIn, journal.StaffFailed,
	journal.ProbeRan, journal.GuardDegraded, journal.UpstreamChanged, journal.FindingsTaken, journal.ServerStarted, journal.ServerStopped,
}

func (c *console) evidence(v *visit) error {
	ctx, q := v.r.Context(), v.r.URL.Query()
	f, err := eventFilter(v)
	if err != nil {
		return err
	}
	d := evidenceData{Verbs: verbs, Filter: map[string]string{}, First: f.Before == "", CanVerify: v.staff.Can(operator.Verify), Staff: map[string]string{}}
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
	if err := c.hasLeaf(v, log, seq); err != nil {
		return err
	}
	p, err := c.Journal.Prove(v.r.Context(), log, seq)
	if err != nil {
		return err
	}
	d := eventData{Proof: p}
	if err := p.Check(c.Verifier); err != nil {
		d.Problem = err.Error()
	}
	if err := json.Unmarshal([]byte(p.Leaf), &d.Event); err != nil {
		return fmt.Errorf("console: leaf of %s#%d: %w", log, seq, err)
	}
	names, err := c.staffNames(v)
	if err != nil {
		return err
	}
	d.Who = names[d.Event.Who.ID]
	return c.show(v, "event", d)
}

// hasLeaf answers 404 for a place that is in no tree.
func (c *console) hasLeaf(v *visit, log string, seq int64) error {
	heads, err := c.Journal.Heads(v.r.Context())
	if err != nil {
		return err
	}
	for _, h := range heads {
		if h.Log == log && seq < h.Size {
			return nil
		}
	}
	return &web.Problem{Status: http.StatusNotFound, Key: "invalid.leaf", Args: []any{log, seq}}
}

// proof hands out the proof as a file that anybody can check with the public key.
func (c *console) proof(v *visit) error {
	log, seq, err := leafOf(v)
	if err != nil {
		return err
	}
	if err := c.hasLeaf(v, log, seq); err != nil {
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
	return web.JSON(v.w, http.StatusOK, map[string]any{"count": count, "events": events})
}
