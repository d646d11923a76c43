// Package files asks endpoints about pictures and recordings: whatever takes images at OpenAI's /v1/moderations, models that see, asked as
// guards by the profiles of package detector, and transcribers, whose words are then screened as text (Art 4, 14).
//
// An answer that cannot be read is an outage with a reason, never a clear.
package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hegui/hegui/detector"
	"github.com/hegui/hegui/detector/hosted"
	"github.com/hegui/hegui/moderation"
)

// Ways of asking.
const (
	Moderations = "moderations" // OpenAI's /v1/moderations with an image
	Guard       = "guard"       // a model that sees, by a profile
	Transcribe  = "transcribe"  // OpenAI's /v1/audio/transcriptions
)

// maxAnswer bounds what an endpoint may say.
const maxAnswer = 1 << 20

// Settings of a Detector.
type Settings struct {
	Name    string
	How     string // Moderations, Guard, Transcribe
	URL     string // up to and without /moderations, /chat/completions, /audio/transcriptions
	Model   string
	Key     string   // bearer token, may be empty
	Profile string   // for Guard
	Policy  string   // for Guard, with profiles that take one
	Asks    []string // for Guard
	Media   []string // empty: image, or audio and video for Transcribe
	Tier    moderation.Tier
	Timeout time.Duration
	OnError moderation.OnError
}

// Detector asks one endpoint. It is a moderation.FileDetector. Safe for concurrent use.
type Detector struct {
	s        Settings
	guard    *detector.Guard
	client   *http.Client
	artefact string
}

// New checks the settings. Errors name the field, the value and the mend.
func New(s Settings) (*Detector, error) {
	d := &Detector{s: s, client: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if len(d.s.Media) == 0 {
		d.s.Media = []string{"image"}
		if s.How == Transcribe {
			d.s.Media = []string{"audio", "video"}
		}
	}
	takes := map[string][]string{Moderations: {"image"}, Guard: {"image"}, Transcribe: {"audio", "video"}}[s.How]
	if takes == nil {
		return nil, fmt.Errorf("how %q: use %s, %s or %s", s.How, Moderations, Guard, Transcribe)
	}
	for _, m := range d.s.Media {
		if !slices.Contains(takes, m) {
			return nil, fmt.Errorf("media %q: how %s looks at %s", m, s.How, strings.Join(takes, " and "))
		}
	}
	base, err := url.Parse(s.URL)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.User != nil {
		return nil, fmt.Errorf("url %q: write the endpoint's address up to /v1, without a user", s.URL)
	}
	if s.Model == "" {
		return nil, errors.New("model: name the model as the endpoint knows it")
	}
	if s.Tier != "" && s.Tier != moderation.Block && s.Tier != moderation.Signal && s.Tier != moderation.Observe {
		return nil, fmt.Errorf("tier %q: use block, signal or observe", s.Tier)
	}
	if s.Timeout == 0 {
		d.s.Timeout = moderation.DefaultFileTimeout
	}
	if s.How == Guard {
		if d.guard, err = detector.NewGuard(detector.Settings{Name: s.Name, Profile: s.Profile, URL: s.URL, Model: s.Model, Key: s.Key, Policy: s.Policy, Asks: s.Asks,
			Tier: s.Tier, Timeout: d.s.Timeout, OnError: s.OnError}); err != nil {
			return nil, err
		}
	} else if s.Profile != "" || s.Policy != "" || len(s.Asks) > 0 {
		return nil, fmt.Errorf("profile, policy_file and asks belong to how: %s", Guard)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%s\x00%s\x00%s\x00%q", s.How, s.URL, s.Model, s.Profile, s.Policy, s.Tier, s.Asks))
	d.artefact = hex.EncodeToString(sum[:])
	return d, d.DescribeFiles().Validate()
}

// DescribeFiles implements moderation.FileDetector.
func (d *Detector) DescribeFiles() moderation.FileDescription {
	kind := detector.Kind
	if d.s.How == Moderations {
		kind = hosted.Kind
	}
	return moderation.FileDescription{Name: d.s.Name, Kind: kind, Media: d.s.Media, Words: d.s.How == Transcribe, Timeout: d.s.Timeout, OnError: d.s.OnError}
}

// Artefact is the hash of everything on this side that answers depend on.
func (d *Detector) Artefact() string { return d.artefact }

// CheckFile implements moderation.FileDetector.
func (d *Detector) CheckFile(ctx context.Context, f moderation.File) (moderation.FileJudgement, error) {
	j := moderation.FileJudgement{Judgement: moderation.Judgement{Outcome: moderation.Clear, Artefact: d.artefact}}
	var err error
	switch d.s.How {
	case Guard:
		j.Judgement, _, err = d.guard.JudgePicture(ctx, f.Scene.Direction, address(f))
		j.Artefact = d.artefact
	case Moderations:
		j.Findings, err = d.moderations(ctx, f)
		if len(j.Findings) > 0 {
			j.Outcome = moderation.Found
		}
	default:
		j.Words, err = d.transcribe(ctx, f)
	}
	return j, err
}

func address(f moderation.File) string {
	return "data:" + f.MIME + ";base64," + base64.StdEncoding.EncodeToString(f.Bytes)
}

// moderations asks an endpoint of OpenAI's shape.
func (d *Detector) moderations(ctx context.Context, f moderation.File) ([]moderation.Detection, error) {
	body, err := json.Marshal(map[string]any{"model": d.s.Model, "input": []any{map[string]any{"type": "image_url", "image_url": map[string]string{"url": address(f)}}}})
	if err != nil {
		return nil, err
	}
	raw, err := d.post(ctx, "/moderations", "application/json", body)
	if err != nil {
		return nil, err
	}
	var a struct {
		Results []struct {
			Flagged    *bool               `json:"flagged"`
			Categories map[string]bool     `json:"categories"`
			Scores     map[string]float64  `json:"category_scores"`
			Applied    map[string][]string `json:"category_applied_input_types"`
		} `json:"results"`
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return nil, fmt.Errorf("the answer has another shape: %w", err)
	}
	if len(a.Results) != 1 || a.Results[0].Flagged == nil {
		return nil, errors.New("the answer holds no verdict, or several")
	}
	r := a.Results[0]
	if r.Applied != nil && !slices.ContainsFunc(slices.Collect(maps.Values(r.Applied)), func(kinds []string) bool { return slices.Contains(kinds, "image") }) {
		return nil, errors.New("the answer says that the image was not looked at")
	}
	var out []moderation.Detection
	add := func(label string, score float64) error {
		risk, subject, err := hosted.RiskOf("openai", label)
		tier := d.s.Tier
		if tier == "" {
			tier = moderation.Signal
		}
		if subject {
			tier = moderation.Observe
		}
		out = append(out, moderation.Detection{Category: risk, Tier: tier, Severity: 4, Score: score, Reason: fmt.Sprintf("label %.60s", label)})
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(r.Categories)) {
		if !r.Categories[name] {
			continue
		}
		score, ok := r.Scores[name]
		if !ok {
			score = 1
		}
		if err := add(name, score); err != nil {
			return nil, err
		}
	}
	if *r.Flagged && len(out) == 0 {
		return out, add("unnamed", 1)
	}
	return out, nil
}

// transcribe gets the words of a recording.
func (d *Detector) transcribe(ctx context.Context, f moderation.File) (string, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	_ = form.WriteField("model", d.s.Model) // writes to memory
	_ = form.WriteField("response_format", "json")
	h := textproto.MIMEHeader{}
	h.Set("Content-Disposition", multipart.FileContentDisposition("file", "recording"+extension(f.MIME)))
	h.Set("Content-Type", f.MIME)
	part, err := form.CreatePart(h)
	if err != nil {
		return "", err
	}
	_, _ = part.Write(f.Bytes)
	_ = form.Close()
	raw, err := d.post(ctx, "/audio/transcriptions", form.FormDataContentType(), body.Bytes())
	if err != nil {
		return "", err
	}
	var a struct {
		Text *string `json:"text"`
	}
	if err := json.Unmarshal(raw, &a); err != nil || a.Text == nil {
		return "", errors.New("the answer holds no text")
	}
	return *a.Text, nil
}

// extension is the name's end by which transcribers tell kinds of files.
func extension(mime string) string {
	_, kind, _ := strings.Cut(mime, "/")
	kind = strings.TrimPrefix(kind, "x-")
	switch kind {
	case "mpeg":
		return ".mp3"
	case "wave", "vnd.wave":
		return ".wav"
	case "quicktime":
		return ".mov"
	case "matroska":
		return ".mkv"
	}
	return "." + kind
}

// post makes a call. Errors hold no key and no content.
func (d *Detector) post(ctx context.Context, path, contentType string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(d.s.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the request could not be made")
	}
	r.Header.Set("Content-Type", contentType)
	if d.s.Key != "" {
		r.Header.Set("Authorization", "Bearer "+d.s.Key)
	}
	resp, err := d.client.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, fmt.Errorf("the endpoint could not be reached: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the answer broke off: %w", err)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the endpoint answered with HTTP %d", resp.StatusCode)
	case len(raw) > maxAnswer:
		return nil, fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	return raw, nil
}
