package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/operator"
	"github.com/hegui/hegui/review"
	"github.com/hegui/hegui/users"
)

// sampleReviews are texts with what was judged of them, for a demonstration to train a classifier from.
//
//go:embed sample/review.tsv
var sampleReviews string

const (
	reviewerLogin = "sample-reviewer" // judges the sample texts
	secondLogin   = "second"          // signs where two persons must
	samplesAtOnce = 32                // users; what they cause is written together
)

// sampleReview is one of them; no label: harmless.
type sampleReview struct{ label, text string }

func readSampleReviews() []sampleReview {
	var out []sampleReview
	for line := range strings.Lines(sampleReviews) {
		label, text, ok := strings.Cut(strings.TrimRight(line, "\n"), "\t")
		if ok && !strings.HasPrefix(line, "#") {
			out = append(out, sampleReview{label, text})
		}
	}
	return out
}

// demoStaff returns a person of the demonstration, added on first need.
func (sv *server) demoStaff(ctx context.Context, login, name, role string) (operator.Staff, error) {
	staff, err := sv.in.staff.List(ctx)
	if err != nil {
		return operator.Staff{}, err
	}
	if i := slices.IndexFunc(staff, func(s operator.Staff) bool { return s.Login == login }); i >= 0 {
		return staff[i], nil
	}
	return sv.in.staff.Add(ctx, actor(), operator.Staff{Login: login, Name: name, Role: role})
}

// sampleMaterial has the sample texts said to the demonstration's service, each in an exchange like any other, and judged by a
// sample reviewer, so that there is something to train from. It returns how many were judged.
func (sv *server) sampleMaterial(ctx context.Context) (int, error) {
	reader, err := sv.demoStaff(ctx, reviewerLogin, "示例审核员 Sample reviewer", "moderator")
	if err != nil {
		return 0, err
	}
	current, ok := sv.in.services.Service(demoService)
	if !ok {
		return 0, fmt.Errorf("demo: service %q is not in force", demoService)
	}
	key, err := sv.tryKey(ctx, demoService)
	if err != nil {
		return 0, err
	}
	list := readSampleReviews()
	model := current.Models[0].Name
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(samplesAtOnce)
	n := 0
	for pair := range slices.Chunk(list, 2) { // a user says a harmful and a harmless thing: users are kept apart to measure with
		n++
		name := fmt.Sprintf("sample-%03d", n)
		group.Go(func() error {
			u, err := sv.in.users.Find(within, demoService, name)
			if err != nil {
				return err
			}
			if u.Accepted != current.Agreement {
				if err := sv.in.users.Accept(within, actor(), u.Subject, users.Acceptance{Text: current.Agreement, Channel: "cli"}); err != nil {
					return err
				}
			}
			for _, s := range pair {
				id, err := sv.say(within, key, name, model, s.text)
				if err != nil {
					return fmt.Errorf("sample text of %s: %w", name, err)
				}
				if err := sv.judgeSample(within, journal.Actor{Kind: "staff", ID: reader.ID}, id, s.label); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return len(list), group.Wait()
}

// say puts a text to the gateway and returns the exchange's id.
func (sv *server) say(ctx context.Context, key, user, model, text string) (string, error) {
	body, err := json.Marshal(map[string]any{"model": model, "max_tokens": 32, "messages": []map[string]string{{"role": "user", "content": text}}})
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, sv.gatewayURL()+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("X-Hegui-User", user)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the gateway answered %d: %.200s", resp.StatusCode, answer)
	}
	return resp.Header.Get("X-Hegui-Exchange"), nil
}

// judgeSample takes an exchange's question into review and judges it as any reviewer does: after opening it.
func (sv *server) judgeSample(ctx context.Context, who journal.Actor, exchange, label string) error {
	id, err := sv.in.reviews.Take(ctx, who, exchange, "in")
	if err != nil {
		return err
	}
	s, _, err := sv.in.reviews.Open(ctx, who, id, "示例材料 sample material")
	if err != nil {
		return err
	}
	d := review.Decision{Verdict: review.Right, Note: "示例 sample"}
	found := slices.ContainsFunc(s.Findings, func(f review.Finding) bool { return f.Direction == "in" })
	switch {
	case label == "" && found:
		d.Verdict = review.OverBlocked
	case label != "" && found:
		d.Verdict, d.Labels = review.WrongCategory, []string{label}
		if slices.ContainsFunc(s.Findings, func(f review.Finding) bool { return f.Category == label }) {
			d.Verdict = review.Right
		}
	case label != "":
		d.Verdict, d.Labels = review.Missed, []string{label}
	}
	_, err = sv.in.reviews.Decide(ctx, who, id, d)
	if errors.Is(err, review.ErrDecided) {
		return nil
	}
	return err
}
