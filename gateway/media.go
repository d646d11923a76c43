package gateway

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hegui/hegui/content"
	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/mark"
	"github.com/hegui/hegui/upstream"
)

// Images and sound go the way of every exchange: what is asked for is screened as text, and what comes back is a file that gets both labels
// (Art 12; GB 45438-2025 5.2, 5.3, 6.1), a row in the content ledger, and only then leaves. A file that cannot be labelled does not.

// Bounds of a generated file. Ours.
const (
	maxFile    = 64 << 20
	fetchTime  = 60 * time.Second // for one that upstream names by its address
	mediaHours = 1                // a labelled file can be fetched under its address, when the service says no other number
)

// errUnchecked says that nothing looks at files of a kind, and that the service lets none pass that nobody looked at.
var errUnchecked = errors.New("nothing here looks at generated pictures, and this service lets none pass that nothing has looked at (media.unchecked)")

// made is one generated file, labelled.
type made struct {
	id    string // content ID
	bytes []byte
	mime  string
	sign  label.Sign
}

// uncheckedFiles applies the service's rule for files that nothing here can look at.
func (c *call) uncheckedFiles() error {
	if c.service.Media.Unchecked == "pass" {
		return nil
	}
	return errUnchecked
}

// labelFile puts both labels on a generated file and notes it for the ledger. An error means that it does not leave.
func (g *Gateway) labelFile(ctx context.Context, c *call, raw []byte) (made, error) {
	m := made{id: c.content, sign: label.SignUI}
	if len(c.items) > 0 {
		m.id = store.NewID()
	}
	f := carrier.Bytes(raw)
	format, ok := label.FormatOf(f)
	if !ok {
		return m, label.ErrUnknownFormat
	}
	enforced := c.service.Modes.Label.Act != "observe"
	if enforced && c.service.Label != label.UI && !g.o.Film && (format.Medium == "video" || format.Medium == "audio" && format.Name != "wav") {
		return m, label.ErrTool
	}
	if enforced && c.service.Label != label.UI {
		marked, sign, err := label.Mark(ctx, f, label.Explicit{Image: mark.Options{At: mark.Position(c.service.Media.Mark)}})
		if err != nil {
			return m, err
		}
		f, m.sign = marked, sign
		format, _ = label.FormatOf(f)
	}
	item := content.Item{ID: m.id, At: g.o.Now().UTC(), Exchange: c.id, Service: c.service.ID, Application: c.key.Application, Subject: c.user.Subject, Operation: c.op.name,
		Model: c.route.Name, Medium: format.Medium, Raw: hashOf(raw), Explicit: string(m.sign)}
	m.mime = format.MIME[0]
	if !enforced {
		m.bytes, m.sign, item.Explicit = raw, label.SignNone, string(label.SignNone)
	} else {
		implicit, err := g.produced(m.id)
		if err != nil {
			return m, err
		}
		edit, err := label.Write(f, implicit, label.SourceGenerated)
		if err != nil {
			return m, err
		}
		var out bytes.Buffer
		out.Grow(int(edit.Size()))
		if _, err := edit.WriteTo(&out); err != nil {
			return m, fmt.Errorf("label: %w", err)
		}
		m.bytes, item.Label = out.Bytes(), []byte(implicit.JSON())
	}
	item.MIME, item.Bytes, item.Hash = m.mime, int64(len(m.bytes)), hashOf(m.bytes)
	if format.Medium == "image" {
		item.Perceptual, _ = content.PerceptualFile(m.bytes) // 0 where it cannot be told
	}
	c.items = append(c.items, item)
	c.visible = append(c.visible, fmt.Sprintf("%s %s sha256:%s\n", format.Name, m.id, item.Hash)...) // what the commitment to the output covers
	return m, nil
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// noteText notes generated words for the ledger, which keeps a keyed digest of them.
func (g *Gateway) noteText(c *call, r exchange.Record) {
	if g.o.Contents == nil || c.probe || c.via != "" || len(c.items) > 0 || len(c.said) == 0 || r.Label != "text" && r.Label != "ui" || r.Outcome == exchange.ClientLeft {
		return
	}
	switch r.Verdict {
	case exchange.Allow, exchange.Mask, exchange.Stop:
	default:
		return
	}
	c.items = []content.Item{{ID: c.content, At: g.o.Now().UTC(), Exchange: c.id, Service: c.service.ID, Application: c.key.Application, Subject: c.user.Subject, Operation: c.op.name,
		Model: c.route.Name, Medium: "text", MIME: "text/plain", Explicit: r.Label, Label: []byte(g.implicit(c)), Texts: c.said}}
}

// signed sums up the signs of all files, as the record has it: file when each carries its own, ui when the interface must tell.
func (c *call) signed() string {
	if c.service.Modes.Label.Act == "observe" || len(c.items) == 0 {
		return "none"
	}
	for _, i := range c.items {
		if i.Explicit != string(label.SignMark) && i.Explicit != string(label.SignRhythm) && i.Explicit != string(label.SignClip) {
			return "ui"
		}
	}
	return "file"
}

// deliverMedia labels, records and delivers generated files.
func (g *Gateway) deliverMedia(ctx context.Context, c *call, response *upstream.Response) {
	raw, err := readAnswer(response)
	if err != nil {
		g.broken(ctx, c, err)
		return
	}
	c.first = g.o.Now()
	var out []byte
	kind := "application/json"
	if c.op.media == "audio" {
		out, kind, err = g.speech(ctx, c, raw)
	} else {
		out, err = g.images(ctx, c, response, raw)
	}
	switch {
	case errors.Is(err, errUnchecked), errors.Is(err, errOutage), errors.Is(err, label.ErrNoSign), errors.Is(err, label.ErrTool), errors.Is(err, label.ErrUnknownFormat):
		g.withheld(c, err)
		return
	case err != nil:
		if refusal := response.RefusedAs(response.StatusCode, raw); refusal != nil { // some refuse under a 200
			g.upstreamRefused(c, refusal)
			return
		}
		g.broken(ctx, c, err)
		return
	}
	if c.cuts != "" { // its words are against the rules
		g.refuseAnswer(c)
		return
	}
	outcome, code, reason := exchange.Complete, "", ""
	if c.r.Context().Err() != nil {
		outcome, code, reason = exchange.ClientLeft, "client_left", "the client went away before the answer was ready"
		c.visible, c.items = nil, nil
	}
	if g.conclude(c, outcome, code, reason) != nil {
		writeError(c.w, unavailable("record_unavailable", "the record cannot be written at the moment, and nothing is delivered without one"), c.id)
		return
	}
	if err := g.keep(c); err != nil {
		g.o.Log.Error("a generated file could not be kept", "exchange", c.id, "error", err)
		writeError(c.w, unavailable("record_unavailable", "the generated file cannot be kept for its address at the moment"), c.id)
		return
	}
	g.headers(c)
	h := c.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(out)))
	if c.labels == "ui" {
		h.Set("X-Hegui-UI", c.owes())
	}
	c.w.WriteHeader(http.StatusOK)
	if _, err := c.w.Write(out); err == nil {
		for _, i := range c.items {
			if err := g.o.Contents.Delivered(context.WithoutCancel(c.r.Context()), content.Delivery{Content: i.ID, How: "answer", To: c.key.Application}); err != nil {
				g.o.Log.Error("a delivery could not be noted", "content", i.ID, "error", err)
			}
		}
	}
}

// withheld answers where a file was generated that must not leave, and says what the operator or the client can do.
func (g *Gateway) withheld(c *call, err error) {
	in := problem(http.StatusInternalServerError, "label_failed", "", "")
	switch {
	case errors.Is(err, errUnchecked):
		in = problem(http.StatusBadRequest, "unscreenable_content", "", errUnchecked.Error()+"; the operator decides whether they may pass")
	case errors.Is(err, errOutage):
		in = guardUnavailable("moderate_out")
	case c.op.media == "audio":
		in = problem(http.StatusBadRequest, "label_failed", "response_format", "no audible label can be put on sound of this format here, and nothing generated leaves without one; ask for response_format wav (others need ffmpeg beside hegui), or have the interface tell (label.place ui)")
	default:
		in.Message = "no label can be put on the generated file, and nothing leaves without one: " + err.Error()
		in.Reason = in.Message
	}
	c.visible, c.items, c.labels = nil, nil, "none"
	if g.conclude(c, exchange.Complete, in.Code, in.Reason) != nil {
		in = unavailable("record_unavailable", "the record cannot be written at the moment")
	}
	writeError(c.w, in, c.id)
}

// speech labels a recording. What is spoken is the text of the request, which was screened.
func (g *Gateway) speech(ctx context.Context, c *call, raw []byte) ([]byte, string, error) {
	m, err := g.labelFile(ctx, c, raw)
	if err != nil {
		return nil, "", err
	}
	c.labels = c.signed()
	return m.bytes, m.mime, nil
}

// images labels every image of an answer and returns the answer with them, all else byte for byte; its words are screened.
func (g *Gateway) images(ctx context.Context, c *call, response *upstream.Response, raw []byte) ([]byte, error) {
	d := doc{nodes: make([]node, 0, 64)}
	if err := d.scan(raw); err != nil || d.nodes[0].kind != isObject {
		return nil, errors.New("upstream answered 200 with something that is not a JSON object")
	}
	data := d.member(0, "data")
	if data < 0 || d.nodes[data].kind != isArray || d.nodes[data].next == int32(data+1) {
		return nil, errors.New("upstream's answer has no images")
	}
	if at := d.member(0, "usage"); at >= 0 {
		c.usage = bytes.Clone(d.raw(at))
	}
	o := g.newOutput(ctx, c)
	words := o.choice(-1)
	var edits []edit
	var failed error
	carries := map[int]bool{}
	d.children(data, func(i int) bool {
		if d.nodes[i].kind != isObject {
			failed = errors.New("upstream's answer has an image that is no object")
			return false
		}
		var at [2]int
		if failed = d.object(i, []string{"b64_json", "url"}, at[:]); failed != nil {
			return false
		}
		file, byAddress, err := g.imageBytes(ctx, response, &d, at)
		if err != nil {
			failed = err
			return false
		}
		if failed = g.lookAtMade(ctx, c, o, fmt.Sprintf("data[%d].file", len(c.items)), file); failed != nil || c.cuts != "" {
			return false
		}
		m, err := g.labelFile(ctx, c, file)
		if err != nil {
			failed = err
			return false
		}
		if !byAddress {
			edits = append(edits, edit{int(d.nodes[at[0]].start), int(d.nodes[at[0]].end), appendJSON(nil, []byte(base64.StdEncoding.EncodeToString(m.bytes)))})
			carries[at[0]] = true
		}
		if at[1] >= 0 {
			link := ""
			if byAddress {
				link = g.host(c, m)
			}
			edits = append(edits, edit{int(d.nodes[at[1]].start), int(d.nodes[at[1]].end), appendJSON(nil, []byte(link))})
			carries[at[1]] = true
		}
		end := int(d.nodes[i].end) - 1
		edits = append(edits, edit{end, end, []byte(fmt.Sprintf(`,"hegui":{"content_id":%q,"label":{"explicit":%q}}`, m.id, m.sign))})
		return true
	})
	if failed != nil || c.cuts != "" {
		return nil, failed
	}
	d.texts(0, "", unwrapped, "", func(i int, path, _, _ string) bool {
		if carries[i] {
			return true
		}
		e, stop := o.once(&d, words, i, "answer."+path)
		if edits = append(edits, e...); stop != nil {
			o.violated(stop)
			c.worst = stop.decision
		}
		return stop == nil
	})
	visible := c.visible
	o.settle()
	c.visible = append(visible, c.visible[min(len(visible), len(c.visible)):]...)
	c.labels = c.signed()
	end := int(d.nodes[0].end) - 1
	edits = append(edits, edit{end, end, g.note(c, o, true, true)})
	sortEdits(edits)
	return splice(make([]byte, 0, len(raw)+4096), raw, edits), nil
}

// imageBytes is an image that stands in an answer, or lies at an address that it names.
func (g *Gateway) imageBytes(ctx context.Context, response *upstream.Response, d *doc, at [2]int) (file []byte, byAddress bool, err error) {
	if at[0] >= 0 && d.nodes[at[0]].kind == isString {
		text := strings.TrimSpace(string(d.text(at[0])))
		if head, rest, ok := strings.Cut(text, ","); ok && strings.HasPrefix(head, "data:") {
			text = rest
		}
		file, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, false, errors.New("upstream's image is not Base64")
		}
		return file, false, nil
	}
	if at[1] < 0 || d.nodes[at[1]].kind != isString {
		return nil, false, errors.New("upstream's answer has an image without b64_json and url")
	}
	file, err = fetch(ctx, string(d.text(at[1])), response.Request)
	return file, true, err
}

// fetch gets a file once from an address that an answer of upstream names. What lies inside the operator's network is reached only
// where the endpoint itself lies, so that an answer cannot make hegui read there.
func fetch(ctx context.Context, address string, of *http.Request) ([]byte, error) {
	if head, rest, ok := strings.Cut(address, ","); ok && strings.HasPrefix(head, "data:") {
		return base64.StdEncoding.DecodeString(rest)
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("upstream names a file at something that is no address")
	}
	own := of != nil && of.URL != nil && u.Host == of.URL.Host
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: func(_, addr string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(addr)
		if err != nil {
			return err
		}
		if ip := ap.Addr().Unmap(); !own && (!public(ip)) {
			return errors.New("the address lies in a private network")
		}
		return nil
	}}
	client := &http.Client{Timeout: fetchTime, Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("upstream names a file at something that is no address")
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("the file that upstream names cannot be fetched: %w", plainURL(err))
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the file that upstream names answers with status %d", resp.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the file that upstream names broke off: %w", err)
	case len(b) > maxFile:
		return nil, fmt.Errorf("the file that upstream names has more than %d bytes", maxFile)
	}
	return b, nil
}

// public tells the addresses of the open network. Besides those that netip knows: carriers' and clouds' own (100.64.0.0/10, where Alibaba Cloud's metadata
// lie), benchmarks, protocols' assignments, what is reserved, and IPv6 forms that hold an IPv4 address, whichever it is.
func public(ip netip.Addr) bool {
	if ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsUnspecified() || ip.IsMulticast() {
		return false
	}
	for _, net := range []string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "::/96"} {
		if netip.MustParsePrefix(net).Contains(ip) {
			return false
		}
	}
	return true
}

// plainURL is an error without the address, which may carry a signature.
func plainURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// host is the address that a labelled file can be fetched at; it is kept once the exchange is recorded.
func (g *Gateway) host(c *call, m made) string {
	c.hosted = append(c.hosted, m)
	scheme := "http"
	if c.r.TLS != nil || c.r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + c.r.Host + contentPath + m.id + "/" + g.o.Contents.Ticket(m.id)
}

// keep keeps the files that the answer names by their address.
func (g *Gateway) keep(c *call) error {
	hours := cmp.Or(c.service.Media.Hours, mediaHours)
	for _, m := range c.hosted {
		if err := g.o.Contents.Keep(context.WithoutCancel(c.r.Context()), m.id, m.bytes, g.o.Now().Add(time.Duration(hours)*time.Hour)); err != nil {
			return err
		}
	}
	return nil
}

// contentPath is where labelled files can be fetched; the ticket behind the id is what lets one in, as with the addresses that models give.
const contentPath = "/v1/hegui/content/"

// file serves GET /v1/hegui/content/{id}/{ticket}: the labelled bytes, for as long as they are kept.
func (g *Gateway) file(w http.ResponseWriter, r *http.Request) {
	id, ticket := r.PathValue("id"), r.PathValue("ticket")
	gone := problem(http.StatusNotFound, "unknown_content", "", "there is no such file, or the time it is kept for is over; have it generated again")
	if !g.o.Contents.Admits(id, ticket) {
		writeError(w, gone, "")
		return
	}
	b, kind, err := g.o.Contents.Bytes(r.Context(), id)
	if errors.Is(err, content.ErrNotKept) || errors.Is(err, content.ErrUnknown) {
		writeError(w, gone, "")
		return
	}
	if err != nil {
		g.o.Log.Error("a file could not be read", "content", id, "error", err)
		writeError(w, unavailable("record_unavailable", "the file cannot be read at the moment"), "")
		return
	}
	item, err := g.o.Contents.ByID(r.Context(), id)
	if err == nil {
		err = g.o.Contents.Delivered(r.Context(), content.Delivery{Content: id, How: "download", To: item.Application})
	}
	if err != nil {
		g.o.Log.Error("a delivery could not be noted", "content", id, "error", err)
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(b)))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Hegui-Content-ID", id)
	h.Set("Cache-Control", "private, max-age=3600")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(b)
}
