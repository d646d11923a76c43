package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hegui/hegui/service"
)

type tryData struct {
	Services []service.Service
	Service  string
	Models   []string
	Model    string
	User     string
	Turns    []message // what has been said so far
	History  string    // the same as JSON, carried by the form
	Answer   *tryAnswer
}

// tryAnswer is what the gateway said, taken apart for the page.
type tryAnswer struct {
	Status    int
	Text      string
	Finish    string
	Verdict   string
	Label     string
	Exchange  string
	ContentID string
	Code      string // of an error or a refusal
	Reason    string
	Link      string // where the user can do something about it: accept, appeal
	Raw       string
}

// maxTurns bounds what a conversation on this page carries along.
const maxTurns = 40

// tryForm reads service, model, user and history from a query or a form.
func (c *console) tryForm(v *visit) (tryData, error) {
	d := tryData{Services: c.Services.Services(), Service: v.r.FormValue("service"), Model: v.r.FormValue("model"), User: strings.TrimSpace(v.r.FormValue("user"))}
	if d.User == "" {
		d.User = v.staff.Login
	}
	if len(d.User) > 128 {
		return d, invalid("user", "invalid.user")
	}
	if d.Service == "" && len(d.Services) > 0 {
		d.Service = d.Services[0].ID
	}
	for _, s := range d.Services {
		if s.ID == d.Service {
			for _, m := range s.Models {
				d.Models = append(d.Models, m.Name)
			}
		}
	}
	if len(d.Services) > 0 && d.Models == nil {
		if _, ok := c.Services.Service(d.Service); !ok {
			return d, invalid("service", "invalid.service", d.Service)
		}
	}
	if !slices.Contains(d.Models, d.Model) {
		d.Model = ""
		if len(d.Models) > 0 {
			d.Model = d.Models[0]
		}
	}
	if h := v.r.FormValue("history"); h != "" {
		if err := json.Unmarshal([]byte(h), &d.Turns); err != nil || len(d.Turns) > maxTurns {
			return d, invalid("history", "invalid.history")
		}
		d.History = h
	}
	return d, nil
}

func (c *console) tryPage(v *visit) error {
	d, err := c.tryForm(v)
	if err != nil {
		return err
	}
	return c.show(v, "try", d)
}

// ask makes the request that an application would make: same handler, a real key, the user's name in the header.
func (c *console) ask(v *visit, d tryData, text string, stream bool) (*http.Request, error) {
	type turn struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	turns := make([]turn, 0, len(d.Turns)+1)
	for _, m := range d.Turns {
		turns = append(turns, turn{m.Role, m.Text})
	}
	body, err := json.Marshal(map[string]any{"model": d.Model, "messages": append(turns, turn{"user", text}), "stream": stream})
	if err != nil {
		return nil, fmt.Errorf("console: try: %w", err)
	}
	secret, err := c.TryKey(v.r.Context(), d.Service)
	if err != nil {
		return nil, fmt.Errorf("console: key to try %s with: %w", d.Service, err)
	}
	r, err := http.NewRequestWithContext(v.r.Context(), http.MethodPost, "/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("console: try: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+secret)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Hegui-User", d.User)
	r.Header.Set("User-Agent", "hegui-console")
	r.Header.Set("Accept-Language", v.lang.Tag())
	r.RemoteAddr, r.Host, r.RequestURI, r.ContentLength = v.r.RemoteAddr, v.r.Host, "/v1/chat/completions", int64(len(body))
	return r, nil
}

// tryText reads what the person typed.
func tryText(v *visit) (string, error) {
	text := strings.TrimSpace(v.r.FormValue("text"))
	if text == "" {
		return "", invalid("text", "invalid.text")
	}
	return text, nil
}

// try asks once and shows the whole answer: the way that works without JavaScript.
func (c *console) try(v *visit) error {
	d, err := c.tryForm(v)
	if err != nil {
		return err
	}
	text, err := tryText(v)
	if err != nil {
		return err
	}
	r, err := c.ask(v, d, text, false)
	if err != nil {
		return err
	}
	rec := &recorder{header: http.Header{}}
	c.Gateway.ServeHTTP(rec, r)
	answer := rec.answer()
	d.Answer = &answer
	if answer.Code == "" || answer.Text != "" {
		before := d.Turns
		d.Turns = append(d.Turns[:len(d.Turns):len(d.Turns)], message{"user", text}, message{"assistant", answer.Text})
		kept := d.Turns
		if answer.Finish == "content_filter" { // what was refused once would be refused with every later question
			kept = before
		}
		kept = kept[max(0, len(kept)-maxTurns):]
		b, err := json.Marshal(kept)
		if err != nil {
			return fmt.Errorf("console: history: %w", err)
		}
		d.History = string(b)
	} else {
		d.Turns = append(d.Turns, message{"user", text})
	}
	return c.show(v, "try", d)
}

// tryStream relays the gateway's own stream to the page's script.
func (c *console) tryStream(v *visit) error {
	d, err := c.tryForm(v)
	if err != nil {
		return err
	}
	text, err := tryText(v)
	if err != nil {
		return err
	}
	r, err := c.ask(v, d, text, true)
	if err != nil {
		return err
	}
	r.Header.Set("X-Hegui-Events", "moderation") // the page takes back what has to be taken back
	v.w.Header().Set("Cache-Control", "no-store")
	c.Gateway.ServeHTTP(v.w, r)
	return nil
}

// recorder is a ResponseWriter that keeps an answer in memory.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

const maxAnswer = 8 << 20

var errAnswerTooLong = errors.New("console: the answer is longer than 8 MiB")

func (r *recorder) Header() http.Header { return r.header }
func (r *recorder) Flush()              {}
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}
func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	if r.body.Len()+len(b) > maxAnswer {
		return 0, errAnswerTooLong
	}
	return r.body.Write(b)
}

// answer takes the OpenAI-shaped body apart; what it does not know stays in Raw.
func (r *recorder) answer() tryAnswer {
	a := tryAnswer{Status: r.status, Exchange: r.header.Get("X-Hegui-Exchange"), ContentID: r.header.Get("X-Hegui-Content-ID"), Raw: r.body.String()}
	var body struct {
		Choices []struct {
			Message struct {
				Content string `json:"content"`
			} `json:"message"`
			Finish string `json:"finish_reason"`
		} `json:"choices"`
		Hegui heguiObject `json:"hegui"`
		Error *struct {
			Message string      `json:"message"`
			Code    string      `json:"code"`
			Hegui   heguiObject `json:"hegui"`
			heguiObject
		} `json:"error"`
	}
	if err := json.Unmarshal(r.body.Bytes(), &body); err != nil {
		a.Code, a.Reason = "unreadable", err.Error()
		return a
	}
	var pretty bytes.Buffer
	if json.Indent(&pretty, r.body.Bytes(), "", "  ") == nil {
		a.Raw = pretty.String()
	}
	if len(body.Choices) > 0 {
		a.Text, a.Finish = body.Choices[0].Message.Content, body.Choices[0].Finish
	}
	a.Verdict, a.Label, a.Code, a.Reason, a.Link = body.Hegui.Verdict, body.Hegui.label(), body.Hegui.Code, body.Hegui.Reason, body.Hegui.link()
	if e := body.Error; e != nil {
		a.Code, a.Reason = e.Code, e.Hegui.Reason
		if a.Reason == "" {
			a.Reason = e.Message
		}
		for _, o := range []heguiObject{e.heguiObject, e.Hegui} {
			if a.Verdict == "" {
				a.Verdict = o.Verdict
			}
			if a.Link == "" {
				a.Link = o.link()
			}
		}
		if a.Code == "" {
			a.Code = "error"
		}
	}
	return a
}

// heguiObject is the part of the gateway's own object that the page shows.
type heguiObject struct {
	Verdict string          `json:"verdict"`
	Code    string          `json:"code"`
	Reason  string          `json:"reason"`
	Label   json.RawMessage `json:"label"`
	URL     string          `json:"url"`
	Link    string          `json:"link"`
	Appeal  string          `json:"appeal"`
	Accept  string          `json:"accept"`
}

// label words the label whether it is given as a word or as an object.
func (h heguiObject) label() string {
	var s string
	if json.Unmarshal(h.Label, &s) == nil {
		return s
	}
	var o struct {
		Explicit string `json:"explicit"`
		Place    string `json:"place"`
	}
	if json.Unmarshal(h.Label, &o) == nil {
		if o.Explicit != "" {
			return o.Explicit
		}
		return o.Place
	}
	return ""
}

// link is where the user can act; only an http address is shown as one.
func (h heguiObject) link() string {
	for _, u := range []string{h.Accept, h.URL, h.Link, h.Appeal} {
		if strings.HasPrefix(u, "http://") || strings.HasPrefix(u, "https://") {
			return u
		}
	}
	return ""
}

var _ http.Flusher = (*recorder)(nil)
