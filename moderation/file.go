package moderation

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// DefaultFileTimeout is how long a check of a file may take. Ours.
const DefaultFileTimeout = 20 * time.Second

// File is a picture, a recording or a film that is to be judged.
type File struct {
	Scene  Scene
	Medium string // image, audio, video
	MIME   string
	Bytes  []byte
}

// FileDetector looks at files, as a Detector looks at texts. Consult it with ConsultFile.
type FileDetector interface {
	DescribeFiles() FileDescription
	// CheckFile judges a file. It should return when ctx ends; who asks does not wait for it any longer.
	CheckFile(ctx context.Context, f File) (FileJudgement, error)
}

// FileDescription is what a detector of files declares about itself.
type FileDescription struct {
	Name    string   // unique among all detectors in use
	Kind    string   // rows of a policy ask for it
	Media   []string // what it looks at: image, audio, video
	Words   bool     // it writes down what is said and judges nothing: what it brings is screened as text
	Timeout time.Duration
	OnError OnError
}

// Media are those that a detector of files may name.
func Media() []string { return []string{"image", "audio", "video"} }

// Validate tells what is wrong with a description.
func (d FileDescription) Validate() error {
	switch {
	case !detectorNameShape.MatchString(d.Name):
		return fmt.Errorf("detector %q: name: use lower-case letters, digits, . - and _", d.Name)
	case !kindShape.MatchString(d.Kind) || d.Kind == KindLexicon:
		return fmt.Errorf("detector %s: kind %q: use a word in lower case other than lexicon", d.Name, d.Kind)
	case len(d.Media) == 0 || slices.ContainsFunc(d.Media, func(m string) bool { return !slices.Contains(Media(), m) }):
		return fmt.Errorf("detector %s: media %q: name one or more of %q", d.Name, d.Media, Media())
	case d.Timeout < 0:
		return fmt.Errorf("detector %s: timeout cannot be negative", d.Name)
	case d.OnError != Hold && d.OnError != Degrade:
		return fmt.Errorf("detector %s: on_error %q: leave it empty (hold) or say degrade", d.Name, d.OnError)
	}
	return nil
}

// Looks tells whether a detector looks at a medium.
func (d FileDescription) Looks(medium string) bool { return slices.Contains(d.Media, medium) }

// FileJudgement is an answer about a file. The places of findings mean nothing: they are about the whole.
type FileJudgement struct {
	Judgement
	Words string // what is said or written in it, when the detector tells
}

// ConsultFile asks about a file and always has an answer in time, like Consult.
func ConsultFile(ctx context.Context, d FileDetector, f File) FileJudgement {
	limit := d.DescribeFiles().Timeout
	if limit == 0 {
		limit = DefaultFileTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answer := make(chan FileJudgement, 1) // a late answer finds room and is forgotten
	go func() { answer <- askFile(ctx, d, f) }()
	select {
	case j := <-answer:
		return j
	case <-ctx.Done():
		return FileJudgement{Judgement: Judgement{Outcome: Unavailable, Reason: fmt.Sprintf("no answer within %s", limit)}}
	}
}

func askFile(ctx context.Context, d FileDetector, f File) (j FileJudgement) {
	out := func(format string, args ...any) FileJudgement {
		return FileJudgement{Judgement: Judgement{Outcome: Unavailable, Artefact: j.Artefact, Reason: fmt.Sprintf(format, args...)}}
	}
	defer func() {
		if p := recover(); p != nil {
			j = out("panic: %v", p)
		}
	}()
	j, err := d.CheckFile(ctx, f)
	if err != nil {
		return out("%v", err)
	}
	if err := j.believe(1); err != nil {
		return out("its answer cannot be true: %v", err)
	}
	return j
}
