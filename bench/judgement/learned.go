package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hegui/hegui/detector"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/moderation/linear"
)

// learnFrom are the files that a classifier may learn from, and the risk (GB/T 45654 A.2) that each topic of theirs is.
func learnFrom() (suffixes []string, risks map[string]string) {
	return []string{"COLDataset/train.csv", "COLDataset/dev.csv"}, map[string]string{"race": "A2a", "region": "A2d", "gender": "A2e"}
}

// learned is a classifier that has learnt from the train parts below root, at one limit of over-block; nil when there are none.
func learned(root string, overBlock float64) (*judged, error) {
	suffixes, risks := learnFrom()
	samples := linear.Background()
	read := 0
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		for _, suffix := range suffixes {
			if !strings.HasSuffix("/"+filepath.ToSlash(file), "/"+suffix) {
				continue
			}
			data, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			texts, err := readCOLD(suffix, bytes.TrimPrefix(data, []byte("\ufeff")))
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			read += len(texts)
			for _, t := range texts {
				s := linear.Sample{Text: t.Text}
				if t.Harmful {
					if risks[t.Category] == "" {
						return fmt.Errorf("%s: topic %q: no risk is known for it", file, t.Category)
					}
					s.Labels = []string{risks[t.Category]}
				}
				samples = append(samples, s)
			}
		}
		return nil
	})
	if err != nil || read == 0 {
		return nil, err
	}
	m, rep, err := linear.Train(samples, linear.Options{Name: "cold", OverBlock: overBlock})
	if err != nil {
		return nil, err
	}
	d := linear.Detector(m, "cold", linear.DetectorOptions{})
	return &judged{Name: fmt.Sprintf("linear, COLD train, over-block ≤ %g %%", 100*overBlock), Entries: rep.Samples, hit: finds(d)}, nil
}

// finds tells whether a detector finds anything in a text. One that could not work has found nothing, and says so.
func finds(d moderation.Detector) func(string) bool {
	return func(text string) bool {
		j := moderation.Consult(context.Background(), d, moderation.Query{Scene: moderation.Scene{Direction: "in", Channel: "content", User: "unknown"}, Text: []byte(text)})
		if j.Outcome == moderation.Unavailable {
			fmt.Fprintf(os.Stderr, "bench/judgement: %s: %s\n", d.Describe().Name, j.Reason)
		}
		return len(j.Findings) > 0
	}
}

// anyOf is the cascade: what one of them hits is hit.
func anyOf(name string, judges ...judged) judged {
	all := judged{Name: name, hit: func(text string) bool {
		for _, j := range judges {
			if j.hit(text) {
				return true
			}
		}
		return false
	}}
	for _, j := range judges {
		all.Entries += j.Entries
	}
	return all
}

// recording keeps what a guard said of a text, so that a table can be made again without the guard.
type recording struct {
	file  string
	said  map[string]bool // by hash of guard and text
	added []string        // lines
}

func openRecording(file string) (*recording, error) {
	r := &recording{file: file, said: map[string]bool{}}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		var row struct {
			Hash string
			Hit  bool
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil || row.Hash == "" {
			return nil, fmt.Errorf("%s line %d: want {\"hash\": …, \"hit\": …}", file, n)
		}
		r.said[row.Hash] = row.Hit
	}
	return r, lines.Err()
}

func (r *recording) save() error {
	if r == nil || len(r.added) == 0 {
		return nil
	}
	f, err := os.OpenFile(r.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.Join(r.added, ""))
	return errors.Join(err, f.Close())
}

// guard is a guard model behind an OpenAI-compatible endpoint, its verdicts recorded where a file is named. Only verdicts are
// recorded, not that it could not work.
func guard(o options) (*judged, *recording, error) {
	if o.guard == "" {
		return nil, nil, nil
	}
	url, rest, ok := strings.Cut(o.guard, ",")
	model, profile, ok2 := strings.Cut(rest, ",")
	if !ok || !ok2 {
		return nil, nil, fmt.Errorf("-guard %q: write url,model,profile, for instance http://127.0.0.1:8000/v1,Qwen3Guard-Gen-0.6B,qwen3guard", o.guard)
	}
	g, err := detector.NewGuard(detector.Settings{Name: "guard", URL: url, Model: model, Profile: profile, Key: os.Getenv("GUARD_KEY")})
	if err != nil {
		return nil, nil, err
	}
	r := &recording{said: map[string]bool{}}
	if o.recorded != "" {
		if r, err = openRecording(o.recorded); err != nil {
			return nil, nil, err
		}
	}
	j := &judged{Name: "guard " + model, hit: func(text string) bool {
		sum := sha256.Sum256([]byte(model + "\x00" + profile + "\x00" + text))
		hash := hex.EncodeToString(sum[:])
		hit, known := r.said[hash]
		if known {
			return hit
		}
		answer := moderation.Consult(context.Background(), g, moderation.Query{Scene: moderation.Scene{Direction: "in", Channel: "content", User: "unknown"}, Text: []byte(text)})
		if answer.Outcome == moderation.Unavailable {
			fmt.Fprintf(os.Stderr, "bench/judgement: the guard: %s\n", answer.Reason)
			return false
		}
		hit = len(answer.Findings) > 0
		r.said[hash] = hit
		if o.recorded != "" {
			r.added = append(r.added, fmt.Sprintf("{\"hash\":%q,\"hit\":%t}\n", hash, hit))
		}
		return hit
	}}
	return j, r, nil
}

// judgesOf are what is compared: lexicons, classifiers, a guard where one is named, and the cascade of them.
func judgesOf(o options) ([]judged, *recording, error) {
	judges, err := lexicons(o)
	if err != nil {
		return nil, nil, err
	}
	starter := slices.IndexFunc(judges, func(j judged) bool { return j.Name == "starter, block" })
	chain := []judged{judges[starter]}
	for _, limit := range []float64{0.02, 0.05} {
		l, err := learned(o.sets, limit)
		if err != nil {
			return nil, nil, err
		}
		if l == nil {
			fmt.Fprintln(os.Stderr, "bench/judgement: no COLD train or dev below -sets: no classifier is judged")
			break
		}
		judges = append(judges, *l)
		if limit == 0.02 {
			chain = append(chain, *l)
		}
	}
	g, r, err := guard(o)
	if err != nil {
		return nil, nil, err
	}
	if g != nil {
		judges = append(judges, *g)
		chain = append(chain, *g)
	}
	if len(chain) > 1 {
		names := make([]string, len(chain))
		for i, c := range chain {
			names[i] = c.Name
		}
		judges = append(judges, anyOf("cascade: "+strings.Join(names, "; "), chain...))
	}
	return judges, r, nil
}
