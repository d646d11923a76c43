package portal

import (
	"errors"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hegui/hegui/content"
	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/label/carrier"
)

const (
	// MaxCheck is the largest file that can be checked, in bytes.
	MaxCheck = 20 << 20
	// checkMemory is how much of an upload is held in memory; the rest waits in a temporary file until it is answered.
	checkMemory = 1 << 20

	// checksEach is how many questions an address may ask in checkSpan; checksAll is how many those may whose address tells nobody from anybody (see address).
	checksEach = 20
	checksAll  = 400
	checkSpan  = time.Minute
)

type checkBody struct {
	ID   string `json:"id"`   // content ID: ProduceID of the label
	Text string `json:"text"` // the whole of an answer
}

// checkAnswer is what anybody may know: never who asked for the content, in which exchange or through which application.
type checkAnswer struct {
	Outcome content.Outcome `json:"outcome"` // made_here, may_be, claims, foreign, malformed, nothing, unreadable
	Made    []checkMade     `json:"made"`    // contents of this provider that it may be, the surest first
	Label   *checkLabel     `json:"label"`   // of a file; null when there is none or none was looked for
	Worded  bool            `json:"worded"`  // the text has the words of a label; by whom is not known
	Short   bool            `json:"short"`   // the text is too short to be looked for
	Unseen  bool            `json:"unseen"`  // it could not be looked for by how it looks
}

type checkMade struct {
	ID        string       `json:"id"`
	Service   string       `json:"service"`
	ServiceZH string       `json:"service_zh"`
	ServiceEN string       `json:"service_en"`
	Model     string       `json:"model"`
	Medium    string       `json:"medium"`
	Day       string       `json:"day"` // YYYY-MM-DD in China
	By        string       `json:"by"`  // id, hash, text, label, look
	Sure      content.Sure `json:"sure"`
}

type checkLabel struct {
	Format     string        `json:"format"`  // of the file
	Verdict    label.Verdict `json:"verdict"` // compliant, noncompliant, not_found, inconclusive
	Whose      string        `json:"whose"`   // ours, other, unknown; "" when there is no label
	Producer   string        `json:"producer"`
	ProduceID  string        `json:"produce_id"`
	Propagator string        `json:"propagator"`
	Faults     []label.Fault `json:"faults"`
}

// checkData is what the page shows.
type checkData struct {
	ID, Text string // as typed
	Asked    bool
	Answer   checkAnswer
	MinText  int
	MaxMB    int
}

func (p *portal) checkPage(v *visit) error {
	if p.Content == nil {
		return &web.Problem{Status: http.StatusNotFound}
	}
	d := checkData{ID: strings.TrimSpace(v.r.URL.Query().Get("id")), MinText: content.MinText, MaxMB: MaxCheck >> 20}
	if d.ID == "" {
		return p.show(v, "check", d)
	}
	return p.answer(v, d, content.Question{ID: d.ID})
}

func (p *portal) check(v *visit) error {
	q, done, err := p.question(v)
	defer done()
	if err != nil {
		return err
	}
	return p.answer(v, checkData{ID: q.ID, Text: q.Text, MinText: content.MinText, MaxMB: MaxCheck >> 20}, q)
}

func (p *portal) answer(v *visit, d checkData, q content.Question) (err error) {
	if d.Answer, err = p.ask(v, q); err != nil {
		return err
	}
	d.Asked = true
	return p.show(v, "check", d)
}

func (p *portal) apiCheck(v *visit) error {
	if p.Content == nil {
		return &web.Problem{Status: http.StatusNotFound}
	}
	var q content.Question
	if kind, _, _ := mime.ParseMediaType(v.r.Header.Get("Content-Type")); kind == "multipart/form-data" {
		var done func()
		var err error
		q, done, err = p.question(v)
		defer done()
		if err != nil {
			return err
		}
	} else {
		var in checkBody
		if err := decode(v, &in, "check.json"); err != nil {
			return checkRefusal(err)
		}
		q.ID, q.Text = in.ID, in.Text
	}
	a, err := p.ask(v, q)
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, a)
}

// question reads a form. done removes what the upload left behind and must be called in any case.
func (p *portal) question(v *visit) (q content.Question, done func(), err error) {
	done = func() {
		if v.r.MultipartForm != nil {
			_ = v.r.MultipartForm.RemoveAll() // a temporary file that cannot be removed is the system's to clear
		}
	}
	if p.Content == nil {
		return q, done, &web.Problem{Status: http.StatusNotFound}
	}
	if err := v.r.ParseMultipartForm(checkMemory); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return q, done, checkRefusal(err)
	}
	q.ID, q.Text = strings.TrimSpace(v.r.FormValue("id")), v.r.FormValue("text")
	if strings.TrimSpace(q.Text) == "" {
		q.Text = ""
	}
	if v.r.MultipartForm == nil || len(v.r.MultipartForm.File["file"]) == 0 {
		return q, done, nil
	}
	head := v.r.MultipartForm.File["file"][0]
	if head.Size == 0 { // the browser sends the field, empty, when no file was chosen
		return q, done, nil
	}
	if head.Size > MaxCheck {
		return q, done, &web.Problem{Status: http.StatusRequestEntityTooLarge, Key: "check.large", Args: []any{MaxCheck >> 20}, Field: "file"}
	}
	file, err := head.Open()
	if err != nil {
		return q, done, err
	}
	remove := done
	done = func() { _ = file.Close(); remove() } // only read
	q.File = carrier.Open(file, head.Size)
	return q, done, nil
}

// ask counts the question and answers it.
func (p *portal) ask(v *visit, q content.Question) (checkAnswer, error) {
	if wait := p.checks.take(address(v.r), p.Now()); wait > 0 {
		return checkAnswer{}, &web.Problem{Status: http.StatusTooManyRequests, Key: "check.too_many", Retry: wait}
	}
	q.Provider = p.Services.Provider().Code
	a, err := p.Content.Look(v.r.Context(), q)
	if err != nil {
		return checkAnswer{}, checkRefusal(err)
	}
	out := checkAnswer{Outcome: a.Outcome, Made: []checkMade{}, Worded: a.Worded, Short: a.Short, Unseen: a.NoLook != ""}
	for _, t := range a.Traces {
		m := checkMade{ID: t.ID, Service: t.Service, ServiceZH: t.Service, ServiceEN: t.Service, Model: t.Model, Medium: t.Medium, Day: t.At.In(web.China).Format(time.DateOnly), By: t.By, Sure: t.Sure}
		if s, ok := p.Services.Service(t.Service); ok {
			m.ServiceZH, m.ServiceEN = s.NameZH, s.NameEN
		}
		out.Made = append(out.Made, m)
	}
	if a.Label != nil {
		l := &checkLabel{Format: a.Label.Format, Verdict: a.Label.Verdict, Whose: a.Producer, Faults: a.Label.Faults}
		if there, ok := a.Label.Label(); ok {
			l.Producer, l.ProduceID, l.Propagator = there.Value.ContentProducer, there.Value.ProduceID, there.Value.ContentPropagator
		}
		out.Label = l
	}
	return out, nil
}

// checkRefusal words what cannot be checked.
func checkRefusal(err error) error {
	var tooBig *http.MaxBytesError
	var bad *content.InvalidError
	switch {
	case errors.As(err, &tooBig):
		return &web.Problem{Status: http.StatusRequestEntityTooLarge, Key: "check.large", Args: []any{MaxCheck >> 20}, Field: "file", Err: err}
	case errors.As(err, &bad) && bad.Field == "text":
		return &web.Problem{Status: http.StatusBadRequest, Key: "check.long", Args: []any{content.MaxText >> 20}, Field: "text", Err: err}
	case errors.As(err, &bad):
		return &web.Problem{Status: http.StatusBadRequest, Key: "check.empty", Err: err}
	}
	return err
}

// checkBodies lets the two addresses that take a file take one.
func checkBodies(r *http.Request) int64 {
	if r.Method == http.MethodPost && (r.URL.Path == "/check" || r.URL.Path == "/api/v1/check") {
		return MaxCheck + 64<<10 // what stands around the file in the form
	}
	return 0
}

// counter counts questions by address within a span of time. It forgets everything when the span is over, so it holds no more than were
// asked in it.
type counter struct {
	mu    sync.Mutex
	since time.Time
	asked map[string]int
}

// take counts one question; it returns how long to wait when there have been too many.
func (c *counter) take(address string, now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked == nil || now.Sub(c.since) >= checkSpan || now.Before(c.since) {
		c.since, c.asked = now, map[string]int{}
	}
	limit := checksEach
	if address == "" {
		limit = checksAll
	}
	if c.asked[address] >= limit {
		return c.since.Add(checkSpan).Sub(now)
	}
	c.asked[address]++
	return 0
}
