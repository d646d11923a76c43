package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/hegui/hegui/content"
	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/function"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/upstream"
)

// Films are made while the client waits elsewhere (OpenAI's /v1/videos): the request for one is an exchange, asking how far it is goes through, and the
// first download is an exchange of its own, in which the film is looked at, labelled and entered into the ledger (GB 45438-2025 5.4; Labelling Measures
// Art 4, 5). Later downloads get the labelled bytes again, for as long as they are kept.

// deliverJob answers with the job that upstream has begun, and notes where it is.
func (g *Gateway) deliverJob(ctx context.Context, c *call, response *upstream.Response) {
	raw, err := readAnswer(response)
	if err == nil {
		raw, err = g.screened(ctx, c, raw)
	}
	if err != nil {
		g.broken(ctx, c, err)
		return
	}
	if c.cuts != "" {
		g.refuseAnswer(c)
		return
	}
	d := doc{nodes: make([]node, 0, 32)}
	id := ""
	if d.scan(raw) == nil {
		if at := d.member(0, "id"); at >= 0 && d.nodes[at].kind == isString {
			id = string(d.text(at))
		}
	}
	if id == "" {
		g.broken(ctx, c, errors.New("upstream's answer names no job"))
		return
	}
	c.first, c.visible, c.labels = g.o.Now(), nil, "none"
	job := content.Job{Service: c.service.ID, Application: c.key.Application, ID: id, Subject: c.user.Subject, Exchange: c.id, Model: c.route.Name,
		Endpoint: response.Target.Endpoint, Target: response.Target.Model, At: g.o.Now().UTC()}
	c.also = g.o.Contents.InsertJob(job)
	if g.conclude(c, exchange.Complete, "", "") != nil {
		writeError(c.w, unavailable("record_unavailable", "the record cannot be written at the moment, and nothing is made without one"), c.id)
		return
	}
	h := c.w.Header()
	h.Set("X-Hegui-Exchange", c.id)
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(raw)))
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(raw)
}

// videoRoutes are the calls about jobs.
func (g *Gateway) videoRoutes(mux *http.ServeMux) {
	if g.o.Contents == nil {
		return
	}
	mux.HandleFunc("GET /v1/videos/{id}", func(w http.ResponseWriter, r *http.Request) { g.aboutJob(w, r, http.MethodGet) })
	mux.HandleFunc("DELETE /v1/videos/{id}", func(w http.ResponseWriter, r *http.Request) { g.aboutJob(w, r, http.MethodDelete) })
	mux.HandleFunc("GET /v1/videos/{id}/content", g.film)
}

// job authenticates and finds the job that an address names.
func (g *Gateway) job(w http.ResponseWriter, r *http.Request) (*call, content.Job, bool) {
	c, ok := g.opened(w, r)
	if !ok {
		return nil, content.Job{}, false
	}
	job, err := g.o.Contents.Job(r.Context(), c.service.ID, c.key.Application, r.PathValue("id"))
	switch {
	case errors.Is(err, content.ErrUnknown) || err == nil && job.Subject == "":
		writeError(w, problem(http.StatusNotFound, "unknown_content", "", "this application has no film of this id"), "")
		return nil, job, false
	case err != nil:
		g.o.Log.Error("a job could not be read", "error", err)
		writeError(w, unavailable("record_unavailable", "the job cannot be looked up at the moment"), "")
		return nil, job, false
	}
	return c, job, true
}

// aboutJob passes on what upstream says of a job: how far it is, or that it is gone.
func (g *Gateway) aboutJob(w http.ResponseWriter, r *http.Request, method string) {
	_, job, ok := g.job(w, r)
	if !ok {
		return
	}
	response, err := g.o.Pool.Do(r.Context(), []upstream.Target{{Endpoint: job.Endpoint, Model: job.Target}}, upstream.Request{Method: method, Path: "/videos/" + job.ID, Header: http.Header{"Accept": {"application/json"}}})
	if err != nil {
		writeError(w, unavailable("upstream_error", "the film's endpoint cannot be reached at the moment"), job.Exchange)
		return
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := readAnswer(response)
	if err != nil {
		writeError(w, problem(http.StatusBadGateway, "upstream_error", "", "upstream's answer broke off"), job.Exchange)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Hegui-Exchange", job.Exchange)
	w.WriteHeader(response.StatusCode)
	_, _ = w.Write(raw)
}

// film serves GET /v1/videos/{id}/content: the labelled film.
func (g *Gateway) film(w http.ResponseWriter, r *http.Request) {
	c, job, ok := g.job(w, r)
	if !ok {
		return
	}
	if v := r.URL.Query().Get("variant"); v != "" && v != "video" {
		writeError(w, problem(http.StatusBadRequest, "invalid_request", "variant", "only the film itself is given out, for it is what carries the labels; leave variant out"), job.Exchange)
		return
	}
	if job.Content != "" {
		if b, kind, err := g.o.Contents.Bytes(r.Context(), job.Content); err == nil {
			g.give(w, r, job.Content, kind, b)
			return
		}
	}
	g.running.Add(1)
	defer g.running.Done()
	c.op = operation{name: "video_content", path: "/videos/" + job.ID + "/content", media: "video"}
	c.content, c.pool, c.labels = c.id, g.o.Pool, "none"
	c.checked = exchange.Checked{In: -1, Out: -1, Privacy: -1}
	c.lexicon, c.policy, c.asked = g.o.Lexicon(), g.o.Policy(), g.Detectors()
	c.user.Subject, c.route.Name = job.Subject, job.Model
	var err error
	if c.vaultKey, err = g.o.Vault.Subject(r.Context(), job.Subject); err != nil {
		writeError(w, problem(http.StatusNotFound, "unknown_content", "", "this application has no film of this id"), "")
		return
	}
	if f, known := function.Of(c.service, "", "video", job.Model); known {
		c.function = f.ID
	}
	if err := g.o.Exchanges.Begin(r.Context(), g.intent(c)); err != nil {
		g.o.Log.Error("an intent could not be recorded", "exchange", c.id, "error", err)
		writeError(w, unavailable("record_unavailable", "the record cannot be written at the moment, and nothing is given out without one"), c.id)
		return
	}
	g.fetchFilm(c, job)
}

// fetchFilm gets a film from where it was made, looks at it, labels it and gives it out.
func (g *Gateway) fetchFilm(c *call, job content.Job) {
	ctx := c.r.Context()
	response, err := c.pool.Do(ctx, []upstream.Target{{Endpoint: job.Endpoint, Model: job.Target}}, upstream.Request{Method: http.MethodGet, Path: c.op.path, Header: http.Header{"Accept": {"*/*"}}})
	if err != nil {
		g.failed(c, err)
		return
	}
	defer func() { _ = response.Body.Close() }()
	c.response, c.target, c.tries = response, response.Target.Endpoint, response.Tries
	if response.StatusCode != http.StatusOK {
		g.passError(c, response)
		return
	}
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxFile+1))
	if err == nil && len(raw) > maxFile {
		err = fmt.Errorf("the film has more than %d bytes, the most that is labelled here", maxFile)
	}
	if err != nil {
		g.broken(ctx, c, err)
		return
	}
	c.first = g.o.Now()
	o := g.newOutput(ctx, c)
	var m made
	if err = g.lookAtMade(ctx, c, o, "file", raw); err == nil && c.cuts == "" {
		m, err = g.labelFile(ctx, c, raw)
	}
	switch {
	case errors.Is(err, errUnchecked), errors.Is(err, errOutage), errors.Is(err, label.ErrNoSign), errors.Is(err, label.ErrTool), errors.Is(err, label.ErrUnknownFormat):
		g.withheld(c, err)
		return
	case err != nil:
		g.broken(ctx, c, err)
		return
	case c.cuts != "":
		g.refuseAnswer(c)
		return
	}
	o.settle()
	c.visible = fmt.Appendf(nil, "%s %s sha256:%s\n", m.mime, m.id, hashOf(m.bytes))
	c.labels = c.signed()
	c.also = g.o.Contents.FetchedJob(job, m.id)
	if g.conclude(c, exchange.Complete, "", "") != nil {
		writeError(c.w, unavailable("record_unavailable", "the record cannot be written at the moment, and nothing is delivered without one"), c.id)
		return
	}
	c.hosted = []made{m}
	if err := g.keep(c); err != nil { // it can be fetched and labelled again
		g.o.Log.Error("a film could not be kept", "exchange", c.id, "error", err)
	}
	c.w.Header().Set("X-Hegui-UI", c.owes())
	g.headers(c)
	g.give(c.w, c.r, m.id, m.mime, m.bytes)
}

// give delivers labelled bytes and notes that it did.
func (g *Gateway) give(w http.ResponseWriter, r *http.Request, id, kind string, b []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(b)))
	h.Set("X-Hegui-Content-ID", id)
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	if _, err := w.Write(b); err != nil {
		return
	}
	item, err := g.o.Contents.ByID(r.Context(), id)
	if err == nil {
		err = g.o.Contents.Delivered(context.WithoutCancel(r.Context()), content.Delivery{Content: id, How: "download", To: item.Application})
	}
	if err != nil {
		g.o.Log.Error("a delivery could not be noted", "content", id, "error", err)
	}
}
