package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/function"
	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/strictjson"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/mark"
)

// What clients send about themselves and their calls.
const (
	headerClient   = "X-Hegui-Client"   // name/version of the interface that shows the answer
	headerFunction = "X-Hegui-Function" // which of the service's functions this is, where several have the same calls
	headerConsent  = "X-Hegui-Consent"  // consent to have a face or voice edited
)

// functions finds the function that a call belongs to and what was decided about it.
func functions(ctx context.Context, g *Gateway, c *call) *Interruption {
	if g.o.Functions == nil || c.probe || c.op.name == "embedding" || c.op.name == "transcription" {
		return nil
	}
	named := c.r.Header.Get(headerFunction)
	f, known := function.Of(c.service, named, c.op.name, c.route.Name)
	if named != "" && !known {
		return problem(http.StatusBadRequest, "invalid_request", headerFunction, fmt.Sprintf("the service has no function %q that this call belongs to; leave the header out, or name one that is declared for %s", clip(named, 80), c.op.name))
	}
	c.function = f.ID
	state, err := g.o.Functions.State(ctx, c.service, f, known)
	if err != nil {
		return g.outage(c, "function", nil, err)
	}
	if state.Locked() {
		what := "this function"
		if f.ID != "" {
			what = "the function " + f.ID
		}
		in := problem(http.StatusForbidden, "function_locked", "", what+" generates or edits "+map[string]string{"face": "faces", "voice": "voices", "special": "special objects or scenes"}[f.Biometric]+
			" and stays off until its security assessment is recorded (Deep Synthesis Provisions Art 15); the operator declares it (services.functions) and records the assessment (hegui function assess)")
		in.Reason = "no security assessment of this function is recorded"
		return in
	}
	if f.Consent {
		id := strings.TrimSpace(c.r.Header.Get(headerConsent))
		err := function.ErrUnknown
		if id != "" {
			err = g.o.Functions.Holds(ctx, c.service.ID, c.key.Application, id, f.Biometric)
		}
		var invalid *function.InvalidError
		switch {
		case err == nil:
			c.consent = strings.ToUpper(id)
		case errors.Is(err, function.ErrUnknown), errors.Is(err, function.ErrState), errors.As(err, &invalid):
			in := problem(http.StatusForbidden, "consent_required", headerConsent, "the function "+f.ID+" edits the "+f.Biometric+" of a person, who has to be told and to consent (Deep Synthesis Provisions Art 14): record the consent with POST /v1/hegui/consents and send its id as "+headerConsent+"; "+strings.TrimPrefix(err.Error(), "function: "))
			in.Reason = "no consent of the person edited"
			return in
		default:
			return g.outage(c, "function", nil, err)
		}
	}
	if c.tool = known && !state.Confusing(); c.tool {
		c.service.Label = label.UI
	} else if c.service.Attested && c.service.Label == label.UI {
		if ok, err := g.o.Functions.Attested(ctx, c.service.ID, c.key.Application, c.r.Header.Get(headerClient), function.Notice); err != nil || !ok {
			c.service.Label = label.Start // who has not attested the notice gets the words
		}
	}
	return nil
}

// owes is what the interface has to show all the time (GB 45438-2025 5.6; Labelling Measures Art 4; Deep Synthesis Provisions Art 17 (2)).
func (c *call) owes() string {
	switch {
	case c.tool:
		return function.Tool
	case c.op.media == "video":
		return function.Player
	}
	return function.Notice
}

// noteOwed remembers which interfaces had to show something, for the evidence.
func (g *Gateway) noteOwed(c *call, r exchange.Record) {
	if g.o.Functions == nil || c.probe || c.via != "" || r.Label != "ui" && c.op.media != "video" || r.Outcome == exchange.Rejected || r.Verdict == exchange.Refuse {
		return
	}
	g.o.Functions.Owes(c.service.ID, c.key.Application, c.r.Header.Get(headerClient), c.owes())
}

// functionRoutes are the calls of applications about their interfaces, consents and the label tool.
func (g *Gateway) functionRoutes(mux *http.ServeMux) {
	if g.o.Functions == nil {
		return
	}
	mux.HandleFunc("POST /v1/hegui/attestations", g.attest)
	mux.HandleFunc("POST /v1/hegui/consents", g.consent)
	mux.HandleFunc("DELETE /v1/hegui/consents/{id}", g.withdraw)
	mux.HandleFunc("POST /v1/hegui/label", g.labelTool)
}

// opened authenticates a call that is no exchange and reads its body.
func (g *Gateway) opened(w http.ResponseWriter, r *http.Request) (*call, bool) {
	c := &call{w: w, r: r, started: g.o.Now(), id: store.NewID()}
	in := authenticate(r.Context(), g, c)
	if in == nil && r.Method == http.MethodPost {
		in = readBody(w, r, c.service.MaxBodyBytes, &c.body)
	}
	if in != nil {
		hangUp(w, r)
		writeError(w, in, "")
		return nil, false
	}
	return c, true
}

// strictBody reads a JSON object that has only the fields of v, each once.
func strictBody(b []byte, v any) error {
	if err := strictjson.Check(b); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// attested is what an application says of a version of its interface.
type attested struct {
	Client  string   `json:"client"`  // name/version
	Shows   []string `json:"shows"`   // ai_notice, player_notice, label_tool
	How     string   `json:"how"`     // continuous; anything else does not count
	Picture string   `json:"picture"` // SHA-256 of a picture of it, which the application's owner keeps
}

func (g *Gateway) attest(w http.ResponseWriter, r *http.Request) {
	c, ok := g.opened(w, r)
	if !ok {
		return
	}
	var a attested
	if err := strictBody(c.body.Bytes(), &a); err != nil {
		writeError(w, problem(http.StatusBadRequest, "invalid_json", "", "the request body cannot be read: "+err.Error()), "")
		return
	}
	if a.How != "continuous" {
		writeError(w, problem(http.StatusBadRequest, "invalid_request", "how", fmt.Sprintf("how %q does not count: what an interface must show it shows all the time, not on hover and not for a moment (GB 45438-2025 5.6); make it so and write continuous", clip(a.How, 40))), "")
		return
	}
	x, err := g.o.Functions.Attest(r.Context(), c.applicant(), function.Record{Service: c.service.ID, Application: c.key.Application, Client: a.Client, Shows: a.Shows, Picture: a.Picture})
	g.recorded(w, x, err)
}

// agreed is a consent as an application records it.
type agreed struct {
	Person   string    `json:"person"`   // pseudonym of who is edited; no name
	Scope    string    `json:"scope"`    // face, voice
	Informed bool      `json:"informed"` // the person was told
	Separate bool      `json:"separate"` // and consented to this by itself
	Evidence string    `json:"evidence"` // where the proof is, or its hash
	Until    time.Time `json:"until"`
}

func (g *Gateway) consent(w http.ResponseWriter, r *http.Request) {
	c, ok := g.opened(w, r)
	if !ok {
		return
	}
	var a agreed
	if err := strictBody(c.body.Bytes(), &a); err != nil {
		writeError(w, problem(http.StatusBadRequest, "invalid_json", "", "the request body cannot be read: "+err.Error()), "")
		return
	}
	for field, said := range map[string]bool{"informed": a.Informed, "separate": a.Separate} {
		if !said {
			writeError(w, problem(http.StatusBadRequest, "invalid_request", field, "the person who is edited has to be told and to consent to this by itself (Deep Synthesis Provisions Art 14): "+field+" must be true, and be so"), "")
			return
		}
	}
	x, err := g.o.Functions.Agree(r.Context(), c.applicant(), function.Record{Service: c.service.ID, Application: c.key.Application, Person: a.Person, Scope: a.Scope, Evidence: a.Evidence, Until: a.Until.UTC()})
	g.recorded(w, x, err)
}

func (g *Gateway) withdraw(w http.ResponseWriter, r *http.Request) {
	c, ok := g.opened(w, r)
	if !ok {
		return
	}
	x, err := g.o.Functions.Withdraw(r.Context(), c.applicant(), c.service.ID, c.key.Application, r.PathValue("id"))
	g.recorded(w, x, err)
}

// applicant is the application as the journal has it.
func (c *call) applicant() journal.Actor {
	return journal.Actor{Kind: "application", ID: c.key.Application}
}

// recorded answers with a record, or says why there is none.
func (g *Gateway) recorded(w http.ResponseWriter, x function.Record, err error) {
	var invalid *function.InvalidError
	switch {
	case errors.As(err, &invalid):
		writeError(w, problem(http.StatusBadRequest, "invalid_request", invalid.Field, strings.TrimPrefix(err.Error(), "function: ")), "")
	case errors.Is(err, function.ErrUnknown):
		writeError(w, problem(http.StatusNotFound, "unknown_content", "", "there is no such consent of this application"), "")
	case errors.Is(err, function.ErrState):
		writeError(w, problem(http.StatusConflict, "invalid_request", "", strings.TrimPrefix(err.Error(), "function: ")), "")
	case err != nil:
		g.o.Log.Error("a declaration could not be recorded", "error", err)
		writeError(w, unavailable("record_unavailable", "the record cannot be written at the moment"), "")
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(x)
	}
}

// labelTool puts a visible or audible label on what a function of Art 17 (2) generated, when the user wants one: a text as JSON {text, place, lang},
// or a file as the body. Nothing is recorded; the implicit label is in the content already.
func (g *Gateway) labelTool(w http.ResponseWriter, r *http.Request) {
	c, ok := g.opened(w, r)
	if !ok {
		return
	}
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(kind) != "application/json" {
		g.labelToolFile(w, c)
		return
	}
	var a struct {
		Text  string      `json:"text"`
		Place label.Place `json:"place"` // start (or empty), end
		Lang  string      `json:"lang"`  // zh (or empty), en
	}
	err := strictBody(c.body.Bytes(), &a)
	switch {
	case err != nil:
		writeError(w, problem(http.StatusBadRequest, "invalid_json", "", "the request body cannot be read: "+err.Error()), "")
		return
	case strings.TrimSpace(a.Text) == "":
		writeError(w, problem(http.StatusBadRequest, "invalid_request", "text", "the field text is empty; send what is to be labelled"), "")
		return
	case a.Place != "" && a.Place != label.Start && a.Place != label.End:
		writeError(w, problem(http.StatusBadRequest, "invalid_request", "place", "the field place must be start or end"), "")
		return
	case a.Lang != "" && a.Lang != "zh" && a.Lang != "en":
		writeError(w, problem(http.StatusBadRequest, "invalid_request", "lang", "the field lang must be zh or en"), "")
		return
	}
	text := a.Text
	if !label.HasExplicit(text) {
		place := label.Start
		if a.Place != "" {
			place = a.Place
		}
		words := label.Words(place, a.Lang)
		text = words.Prefix + text + words.Suffix
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"text": text})
}

func (g *Gateway) labelToolFile(w http.ResponseWriter, c *call) {
	f := carrier.Bytes(c.body.Bytes())
	format, ok := label.FormatOf(f)
	if !ok {
		writeError(w, problem(http.StatusBadRequest, "invalid_request", "", "the file is of no kind that can be labelled here; send a text as application/json"), "")
		return
	}
	out := c.body.Bytes()
	if seen := label.LookExplicit(c.r.Context(), f); seen.Sign == "" || seen.Sign == label.SignNone {
		marked, sign, err := label.Mark(c.r.Context(), f, label.Explicit{Image: mark.Options{At: mark.Position(c.service.Media.Mark)}})
		if err != nil {
			writeError(w, problem(http.StatusBadRequest, "label_failed", "", "no label can be put on this file: "+err.Error()), "")
			return
		}
		var b bytes.Buffer
		if _, err := io.Copy(&b, marked.Section(0, marked.Size())); err != nil {
			writeError(w, unavailable("record_unavailable", "the file cannot be read back"), "")
			return
		}
		out = b.Bytes()
		w.Header().Set("X-Hegui-Label", string(sign))
		format, _ = label.FormatOf(marked)
	}
	w.Header().Set("Content-Type", format.MIME[0])
	_, _ = w.Write(out)
}
