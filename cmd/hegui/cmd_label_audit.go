package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/label/carrier"
)

type labelAuditCmd struct {
	From    []string      `arg:"" name:"step" help:"Where the same content can be had, in the order in which it passes: files, or addresses that begin with https:// or http://."`
	JSON    bool          `help:"Print as JSON lines."`
	Timeout time.Duration `help:"For one address." default:"60s"`
}

func (labelAuditCmd) Help() string {
	return `Reads one content at every step of its way (the file as it was generated, the store, the CDN, the converter, what a phone gets) and says at which step its
labels were lost or changed.

Exit: 0 the label arrives, 1 it is lost or changed on the way, 3 the first step carries none, 10 a step could not be read.

Example:
  hegui label audit out/cat.png https://origin.example.com/cat.png https://cdn.example.com/cat.webp`
}

// auditStep is a line of label audit.
type auditStep struct {
	Step     int            `json:"step"` // from 1
	From     string         `json:"from"`
	Verdict  label.Verdict  `json:"verdict"`
	Format   string         `json:"format"`
	Label    label.Implicit `json:"label"`
	Explicit label.Seen     `json:"explicit"`
	Hash     string         `json:"hash"` // SHA-256
	Bytes    int64          `json:"bytes"`
	Lost     []string       `json:"lost"` // against the step before: metadata, explicit; changed: metadata
	Error    string         `json:"error,omitempty"`
}

func (c labelAuditCmd) Run(ctx context.Context, o out) error {
	worst := exitOK
	var before *auditStep
	for i, from := range c.From {
		s := auditStep{Step: i + 1, From: from, Lost: []string{}}
		b, err := c.read(ctx, from)
		if err != nil {
			s.Error, s.Verdict, worst = err.Error(), label.Inconclusive, exitFailure
		} else {
			sum := sha256.Sum256(b)
			s.Hash, s.Bytes = hex.EncodeToString(sum[:]), int64(len(b))
			r := label.Verify(carrier.Bytes(b))
			s.Verdict, s.Format, s.Explicit = r.Verdict, r.Format, label.LookExplicit(ctx, carrier.Bytes(b))
			if l, ok := r.Label(); ok {
				s.Label = l.Value
			}
			switch {
			case r.Verdict == label.Inconclusive:
				s.Error, worst = r.Reason, exitFailure
			case before == nil && r.Verdict == label.NotFound && worst == exitOK:
				worst = exitNotFound
			case before != nil:
				if s.Lost = s.against(*before); len(s.Lost) > 0 && worst == exitOK {
					worst = exitFinding
				}
			}
		}
		if s.Error == "" {
			before = &s
		}
		if c.JSON {
			if err := o.jsonLine(s); err != nil {
				return err
			}
			continue
		}
		o.audited(s)
	}
	if worst == exitOK {
		return nil
	}
	return exitError(worst)
}

// against tells what was lost since the step before.
func (s auditStep) against(before auditStep) []string {
	lost := []string{}
	none := label.Implicit{}
	switch {
	case before.Label != none && s.Label == none:
		lost = append(lost, "metadata")
	case before.Label != none && (s.Label.ContentProducer != before.Label.ContentProducer || s.Label.ProduceID != before.Label.ProduceID):
		lost = append(lost, "changed: metadata")
	}
	if before.Explicit.Sign != label.SignNone && s.Explicit.Sign == label.SignNone && s.Explicit.Looked {
		lost = append(lost, "explicit")
	}
	return lost
}

func (o out) audited(s auditStep) {
	o.printf("%d. %s\n", s.Step, s.From)
	if s.Error != "" {
		o.printf("   not read: %s\n", s.Error)
		return
	}
	who := ""
	if s.Label.ProduceID != "" {
		who = ", " + s.Label.ContentProducer + " " + s.Label.ProduceID
	}
	o.printf("   %s (%s, %d bytes)%s; people see or hear: %s\n", s.Verdict, s.Format, s.Bytes, who, s.Explicit.Sign)
	if len(s.Lost) > 0 {
		o.printf("   LOST HERE: %s\n", strings.Join(s.Lost, ", "))
	}
}

// auditMost bounds what is read of one step, in bytes. Ours.
const auditMost = 256 << 20

// read gets a step's content.
func (c labelAuditCmd) read(ctx context.Context, from string) ([]byte, error) {
	if !strings.HasPrefix(from, "http://") && !strings.HasPrefix(from, "https://") {
		f, _, err := openFile(from)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		return bounded(f)
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, errors.New("this is no address")
	}
	r.Header.Set("Accept", "*/*")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answers with status %d", resp.StatusCode)
	}
	return bounded(resp.Body)
}

func bounded(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, auditMost+1))
	if err == nil && len(b) > auditMost {
		err = fmt.Errorf("it has more than %d bytes", auditMost)
	}
	return b, err
}
