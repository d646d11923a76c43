package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/media"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/privacy"
)

// Files come with a request (image_url, input_audio, file, forms) and out of models. What a file says is screened as text, detectors of files
// look at it and at the pictures in it, and what nothing has looked at follows the service's rule (media.unchecked). The bytes that
// were judged are the bytes that are sent: an address is fetched once and goes on as the file itself.

// attached is a file of the request.
type attached struct {
	part    int    // node of the part that holds it; 0 in a form
	value   int    // node of the string that is it, or its address; -1: another part of the body holds it
	channel string // where it stands
	medium  string // that the operation takes there; empty: any
	bytes   []byte
	address string // to be fetched
}

// Bounds of files in one request. Ours.
const maxAttached = 32

// isFile tells the strings that are files.
func (q *request) isFile(node int) bool {
	return len(q.files) > 0 && slices.ContainsFunc(q.files, func(f *attached) bool { return f.value == node })
}

// attach takes a file of a message's part.
func (q *request) attach(part, at int, member, path string) *Interruption {
	field := path + "." + member
	names := map[string]string{"image_url": "url", "video_url": "url", "input_audio": "data", "file": "file_data"}
	name := names[member]
	if name == "" {
		return problem(http.StatusBadRequest, "unscreenable_content", path, fmt.Sprintf("the member %s is not a way to send a file that is read here; use image_url, input_audio, file or video_url", field))
	}
	if len(q.files) == maxAttached {
		return problem(http.StatusBadRequest, "invalid_request", path, fmt.Sprintf("the request carries more than %d files; send fewer", maxAttached))
	}
	f := &attached{part: part, channel: path + ".file", medium: map[string]string{"image_url": "image", "video_url": "video", "input_audio": "audio"}[member]}
	switch got := q.doc.nodes[at].kind; {
	case got == isString && name == "url": // some clients leave the object out
		f.value = at
	case got != isObject:
		return wrongType(field, "the field "+field, got, "an object with "+name)
	default:
		var in [2]int
		if err := q.doc.object(at, []string{name, "file_id"}, in[:]); err != nil {
			return duplicate(err)
		}
		if in[1] >= 0 && q.doc.nodes[in[1]].kind != isNull {
			return problem(http.StatusBadRequest, "unscreenable_content", field+".file_id", "a file that lies with the model's provider cannot be screened and is never let through unscreened; send it as file_data")
		}
		if f.value = in[0]; f.value < 0 || q.doc.nodes[f.value].kind != isString {
			return problem(http.StatusBadRequest, "invalid_request", field+"."+name, "the field "+field+"."+name+" is missing or not a string")
		}
	}
	text := strings.TrimSpace(string(q.doc.text(f.value)))
	head, data, isData := strings.Cut(text, ",")
	switch {
	case len(text) >= 5 && strings.EqualFold(text[:5], "data:") && isData:
		if !strings.HasSuffix(strings.ToLower(head), ";base64") {
			return problem(http.StatusBadRequest, "invalid_request", field, "the data: address in "+field+" is not in Base64")
		}
	case name == "url" && (strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://")):
		f.address = text
	case name == "url":
		return problem(http.StatusBadRequest, "invalid_request", field, "the field "+field+" is neither a data: address nor one that begins with https://")
	default:
		data = text
	}
	if f.address == "" {
		var err error
		if f.bytes, err = base64.StdEncoding.DecodeString(strings.TrimRight(data, "=") + strings.Repeat("=", (4-len(strings.TrimRight(data, "="))%4)%4)); err != nil {
			return problem(http.StatusBadRequest, "invalid_request", field, "the file in "+field+" is not in Base64")
		}
	}
	q.files = append(q.files, f)
	if n := len(q.turns); n > 0 {
		sum := sha256.Sum256(q.doc.raw(f.value))
		q.turns[n-1].files = append(q.turns[n-1].files, sum[:]...)
	}
	return nil
}

// lookedAt is what was found out about a file.
type lookedAt struct {
	record exchange.File
	words  []media.Words
	hits   []fileHit
	broken string        // why it cannot be read at all
	gap    string        // what nothing has looked at
	outage *Interruption // of a detector that holds what it cannot judge
	clean  bool          // nothing found, nobody out
}

// fileHit is what a detector of files found.
type fileHit struct {
	finding  exchange.Finding
	decision moderation.Decision
}

// lookAt reads a file and has the detectors of files look at it. dir is in or out.
func (g *Gateway) lookAt(ctx context.Context, c *call, dir, channel, medium string, b []byte) lookedAt {
	l := lookedAt{record: exchange.File{Where: dir, Channel: channel, Bytes: len(b)}, clean: true}
	if c.vaultKey != nil {
		l.record.Commitment = c.vaultKey.Commitment("file", b)
	}
	guard, mode := "moderate_in", moderateInMode
	if dir == "out" {
		guard, mode = "moderate_out", moderateOutMode
	}
	table := c.policy.At(c.place(dir))
	hit := func(f exchange.Finding, k moderation.Case) {
		d := table.Decide(k)
		if d.Action == moderation.Mask { // a file cannot be masked
			d.Action = moderation.Refuse
		}
		f.Where, f.Channel = dir, channel
		l.hits, l.clean = append(l.hits, fileHit{f, d}), false
	}
	if g.o.Blocked != nil {
		if entry, category, ok := g.o.Blocked(b); ok {
			hit(exchange.Finding{Category: category, Tier: string(moderation.Block), Detector: "filelist", Entry: entry, Score: 1},
				moderation.Case{Category: category, Tier: moderation.Block, Severity: 5, Detector: "filelist", Score: 1})
			return l
		}
	}
	look, err := g.o.Media.Read(ctx, b)
	var broken *media.BrokenError
	switch {
	case errors.Is(err, media.ErrUnknown), errors.As(err, &broken):
		l.broken, l.clean = err.Error(), false
		return l
	case err != nil:
		l.outage, l.clean = g.outage(c, guard, mode, err), false
		return l
	}
	l.record.Kind, l.record.Pictures = look.Name, len(look.Pictures)
	if found, ok := look.Label.Label(); ok {
		l.record.Label, l.record.ProducedBy = string(look.Label.Verdict), found.Value.ContentProducer
	} else if look.Label.Verdict == label.Inconclusive && look.Medium == "image" {
		l.record.Label = string(look.Label.Verdict)
	}
	if medium != "" && look.Medium != medium && !(medium == "audio" && look.Medium == "video") { // recordings come in containers of film, too
		l.broken, l.clean = "it is by its content "+look.Title+", not "+medium, false
		return l
	}
	l.words = look.Words
	ask := []moderation.File{}
	if slices.Contains(moderation.Media(), look.Medium) {
		ask = append(ask, moderation.File{Scene: c.place(dir).Scene, Medium: look.Medium, MIME: look.MIME, Bytes: b})
	}
	for _, p := range look.Pictures {
		ask = append(ask, moderation.File{Scene: c.place(dir).Scene, Medium: "image", MIME: p.MIME, Bytes: p.Bytes})
	}
	if len(look.Unread) > 0 {
		l.gap = look.Unread[0]
	}
	for _, f := range ask {
		if gap := g.judgeFile(ctx, c, guard, f, &l, hit); gap && l.gap == "" {
			l.gap = "nothing here looks at " + map[string]string{"image": "pictures", "audio": "sound", "video": "film"}[f.Medium]
		}
	}
	l.record.Detectors = slices.Compact(l.record.Detectors)
	return l
}

// judgeFile asks every detector that looks at files of a medium; it tells whether none does.
func (g *Gateway) judgeFile(ctx context.Context, c *call, guard string, f moderation.File, l *lookedAt, hit func(exchange.Finding, moderation.Case)) (gap bool) {
	gap = true
	for _, d := range g.o.Files {
		about := d.DescribeFiles()
		if !about.Looks(f.Medium) {
			continue
		}
		gap = false
		j := moderation.ConsultFile(ctx, d, f)
		if j.Outcome == moderation.Unavailable {
			l.clean = false
			if in := g.detectorOut(c, guard, moderation.Degraded{Detector: about.Name, Rule: about.OnError, End: len(f.Bytes), Reason: j.Reason}); in != nil {
				l.outage = in
			}
			continue
		}
		l.record.Detectors = append(l.record.Detectors, about.Name)
		if j.Words != "" {
			l.words = append(l.words, media.Words{Where: "speech", Text: j.Words})
		}
		for _, found := range j.Findings {
			hit(exchange.Finding{Category: found.Category, Tier: string(found.Tier), Detector: about.Name, Artefact: j.Artefact, Score: found.Score},
				moderation.Case{Category: found.Category, Tier: found.Tier, Severity: found.Severity, Detector: about.Kind, Score: found.Score})
		}
	}
	return gap
}

// files looks at every file of the request. What is refused in a turn of the history is neutralised like words.
func (s *inputScreen) files(ctx context.Context) *Interruption {
	c := s.c
	for _, f := range c.request.files {
		t := textNode{node: f.part, file: true, channel: f.channel}
		if s.skip(t) {
			continue
		}
		if s.g.o.Media == nil {
			return problem(http.StatusBadRequest, "unscreenable_content", strings.TrimSuffix(f.channel, ".file"), "files are not taken here; send text")
		}
		if f.address != "" {
			if in := s.g.fetchAttached(ctx, c, f); in != nil {
				return in
			}
		}
		if in := s.file(ctx, t, f); in != nil {
			return in
		}
	}
	return nil
}

// fetchAttached gets a file that the request names by its address. It goes on as the bytes that were judged.
func (g *Gateway) fetchAttached(ctx context.Context, c *call, f *attached) *Interruption {
	param := strings.TrimSuffix(f.channel, ".file")
	if c.via != "" && !c.rewrites {
		return problem(http.StatusBadRequest, "unscreenable_content", param, "what lies at an address may be another file when the model fetches it; send the file itself, as a data: address")
	}
	b, err := g.fetch(ctx, f.address)
	if err != nil {
		return problem(http.StatusBadRequest, "invalid_request", param, strings.ReplaceAll(err.Error(), "upstream names", "the request names")+"; send the file itself, as a data: address")
	}
	limit := c.service.MaxBodyBytes
	if limit <= 0 {
		limit = defaultMaxBody
	}
	if int64(len(b)) > limit {
		return tooLarge(limit)
	}
	f.bytes = b
	mime := "application/octet-stream"
	if format, ok := label.FormatOf(carrier.Bytes(b)); ok {
		mime = format.MIME[0]
	}
	n := c.request.doc.nodes[f.value]
	c.edits = append(c.edits, edit{int(n.start), int(n.end), appendJSON(nil, []byte("data:"+mime+";base64,"+base64.StdEncoding.EncodeToString(b)))})
	sortEdits(c.edits)
	return nil
}

// file judges one file.
func (s *inputScreen) file(ctx context.Context, t textNode, f *attached) *Interruption {
	c, g := s.c, s.g
	known := g.memory.key(g.memory.on("file\x00"+g.filesOn()+"\x00"+c.lexicon.Hash()+"\x00"+c.policy.Hash()+"\x00"+c.service.ID+"\x00"+c.service.Media.Unchecked+"\x00"+f.medium), f.bytes)
	if _, ok := g.memory.recall(known); ok {
		r := exchange.File{Where: "in", Channel: t.channel, Bytes: len(f.bytes), Recalled: true}
		if c.vaultKey != nil {
			r.Commitment = c.vaultKey.Commitment("file", f.bytes)
		}
		if format, ok := label.FormatOf(carrier.Bytes(f.bytes)); ok {
			r.Kind = format.Name
		}
		c.filed = append(c.filed, r)
		return nil
	}
	l := g.lookAt(ctx, c, "in", t.channel, f.medium, f.bytes)
	param := strings.TrimSuffix(t.channel, ".file")
	observe := c.service.Modes.ModerateIn.Act == "observe"
	if l.broken != "" || l.gap != "" && l.outage == nil && c.service.Media.Unchecked != "pass" {
		c.filed = append(c.filed, l.record)
		why := l.broken
		if why == "" {
			why = l.gap + ", and this service lets no file pass that nothing has looked at (media.unchecked)"
		}
		switch {
		case observe:
			return nil
		case s.heal(t, moderation.Decision{Action: moderation.Refuse, Reason: unscreenable}):
			return nil
		}
		return problem(http.StatusBadRequest, unscreenable, param, "the file at "+param+": "+why)
	}
	l.record.Unchecked = l.gap
	if l.outage != nil && !observe {
		c.filed = append(c.filed, l.record)
		return l.outage
	}
	before := s.worst
	found := c.total
	for _, w := range l.words {
		l.record.Words += len(w.Text)
		s.read(t, []byte(w.Text))
		if c.service.Privacy.In != "off" {
			_, spans := privacy.Mask(nil, []byte(w.Text))
			for _, p := range spans { // told, not masked: a file goes on as it is
				c.found(exchange.Finding{Where: "in", Channel: t.channel, Category: string(p.Kind), Tier: string(moderation.Observe), Detector: "privacy", Artefact: privacy.Version, Start: p.Start, End: p.End})
			}
		}
	}
	for _, h := range l.hits {
		c.found(h.finding)
		in := inputText{node: t}
		s.weigh(&in, moderation.Finding{Listed: &moderation.Listed{Category: h.finding.Category}}, h.decision)
	}
	c.filed = append(c.filed, l.record)
	if l.clean && len(l.words) == 0 && c.total == found && s.worst == before {
		g.memory.keep(known, nil)
	}
	return nil
}

// filesOn is what verdicts on files depend on, but for the file.
func (g *Gateway) filesOn() string {
	var b strings.Builder
	for _, d := range g.o.Files {
		about := d.DescribeFiles()
		b.WriteString(about.Name + "\x00")
		if a, ok := d.(interface{ Artefact() string }); ok {
			b.WriteString(a.Artefact() + "\x00")
		}
	}
	return b.String()
}

// lookAtMade judges a generated file before it is labelled. It tells whether it must not leave: by the service's rule (errUnchecked), because it
// cannot be read, or because of what it shows (c.cuts).
func (g *Gateway) lookAtMade(ctx context.Context, c *call, o *output, channel string, b []byte) error {
	medium := c.op.media
	if g.o.Media == nil {
		return c.uncheckedFiles()
	}
	l := g.lookAt(ctx, c, "out", channel, medium, b)
	observe := c.service.Modes.ModerateOut.Act == "observe"
	switch {
	case l.broken != "":
		return errors.New("upstream's file: " + l.broken)
	case l.outage != nil && !observe:
		return errOutage
	case l.gap != "":
		if err := c.uncheckedFiles(); err != nil {
			return err
		}
		l.record.Unchecked = l.gap
	}
	c.checked.Out = max(c.checked.Out, 0)
	for _, w := range l.words {
		l.record.Words += len(w.Text)
		c.checked.Out += len(w.Text)
		for _, f := range c.lexicon.ScanIn(c.place("out").Scene, []byte(w.Text)) {
			c.found(c.lexical("out", channel, 0, f))
			d := o.table.Decide(moderation.CaseOf(f))
			if d.Action == moderation.Mask {
				d.Action = moderation.Refuse
			}
			l.hits = append(l.hits, fileHit{exchange.Finding{Category: f.Category, Detector: moderation.KindLexicon}, d})
		}
	}
	c.filed = append(c.filed, l.record)
	for _, h := range l.hits {
		if h.finding.Detector != moderation.KindLexicon {
			c.found(h.finding)
		}
		if h.decision.Action == moderation.Allow || observe {
			continue
		}
		stop := &cut{category: h.finding.Category, code: "content_filter", decision: h.decision}
		o.violated(stop)
		c.worst = stop.decision
	}
	return nil
}

// errOutage says that a detector that holds what it cannot judge could not judge a generated file.
var errOutage = errors.New("a detector of files could not do its work, and this service is set to stop then")
