package label

import (
	"errors"
	"fmt"

	"github.com/hegui/hegui/label/carrier"
)

// IPTC digital source types, which formats that carry XMP say beside the label.
const (
	SourceGenerated = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
	SourceEdited    = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
)

var (
	// ErrForeign says that the file carries a label of somebody else: to overwrite it would hide who made the content (Labelling Measures
	// Art 10). Propagate adds one's own part.
	ErrForeign = errors.New("label: the file carries the label of another producer or of other content; it is not replaced, add the propagator's part instead")
	// ErrUnlabelled says that a file to be propagated carries no label and nothing was declared or suspected about it.
	ErrUnlabelled = errors.New("label: the file carries no implicit label, so there is nothing to propagate; say that it was declared or is suspected")
	// ErrUnknownFormat says that a file is of no kind that can be labelled.
	ErrUnknownFormat = errors.New("label: the file is of no kind that can be labelled")
)

// Write returns the file with this label in the place that the guide names, and in no other. A label of the same producer for the same
// content is replaced; another's is ErrForeign. The edit has been read back: it carries exactly this label. source is an IPTC digital
// source type, or "".
func Write(f *carrier.File, l Implicit, source string) (*carrier.Edit, error) {
	format, ok := FormatOf(f)
	if !ok {
		return nil, ErrUnknownFormat
	}
	return write(f, format, l, source)
}

func write(f *carrier.File, format carrier.Format, l Implicit, source string) (*carrier.Edit, error) {
	if err := l.Validate(); err != nil {
		return nil, err
	}
	before := verify(f, format)
	for _, there := range before.Labels {
		if there.Value.ContentProducer != l.ContentProducer || there.Value.ProduceID != l.ProduceID {
			return nil, fmt.Errorf("%w (%s at byte %d: ContentProducer %.60q, ProduceID %.60q)", ErrForeign, there.Place, there.Offset, there.Value.ContentProducer, there.Value.ProduceID)
		}
	}
	return put(f, format, l, source)
}

// put writes a label and reads it back.
func put(f *carrier.File, format carrier.Format, l Implicit, source string) (*carrier.Edit, error) {
	edit, err := format.Put(f, carrier.Label{Value: l.JSON(), Source: source})
	if err != nil {
		return nil, fmt.Errorf("label: %w", err)
	}
	after := verify(edit.File(), format)
	if after.Err != nil || len(after.Labels) != 1 || !after.Labels[0].Standard || after.Labels[0].Value != l {
		return nil, fmt.Errorf("label: the %s file was written and does not read back as written (%d labels, %s); the original is unchanged", format.Name, len(after.Labels), after.Reason)
	}
	return edit, nil
}

// Claim is what is known of a file that a platform propagates (Labelling Measures Art 6).
type Claim string

const (
	Stated    Claim = "stated"    // its metadata say so
	Declared  Claim = "declared"  // its user says so
	Suspected Claim = "suspected" // an explicit label or other traces were found
)

// Propagation is a propagator's part of a label.
type Propagation struct {
	Propagator string // name or code
	ID         string // the content's number at the propagator
	Reserved   string // ReservedCode2
	Claim      Claim  // of a file without a label; one with a label is Stated whatever is said here
}

// Propagate returns the file with the propagator's part added to its label: the producer's pair and ReservedCode1 stay as they are, and
// what the producer says of the content is not raised (a "may be" stays one). A file without a label gets one that says "may be"
// when its user declared it and "suspected" when traces were found, with no producer, for none is known; with neither it is
// ErrUnlabelled. The notice is what the page has to show around the content.
func Propagate(f *carrier.File, p Propagation) (*carrier.Edit, Claim, error) {
	format, ok := FormatOf(f)
	if !ok {
		return nil, "", ErrUnknownFormat
	}
	return propagate(f, format, p)
}

func propagate(f *carrier.File, format carrier.Format, p Propagation) (*carrier.Edit, Claim, error) {
	before := verify(f, format)
	if before.Err != nil {
		return nil, "", fmt.Errorf("label: %w", before.Err)
	}
	var l Implicit
	claim := p.Claim
	if there, ok := before.Label(); ok {
		l, claim = there.Value, Stated
		switch l.Label {
		case "2":
			claim = Declared
		case "3":
			claim = Suspected
		}
	} else {
		switch claim {
		case Declared:
			l.Label = "2"
		case Suspected:
			l.Label = "3"
		default:
			return nil, "", ErrUnlabelled
		}
	}
	l.ContentPropagator, l.PropagateID, l.ReservedCode2 = p.Propagator, p.ID, p.Reserved
	if err := l.ValidatePropagation(); err != nil {
		return nil, "", err
	}
	edit, err := put(f, format, l, "")
	return edit, claim, err
}

// NoticeOf is what a page shows around propagated content (Labelling Measures Art 6), for "zh" or "en".
func NoticeOf(c Claim, lang string) string {
	zh := map[Claim]string{Stated: "本内容由人工智能生成或合成", Declared: "本内容可能由人工智能生成或合成（发布者声明）", Suspected: "本内容疑似由人工智能生成或合成"}
	en := map[Claim]string{Stated: "This content was generated or synthesised by AI", Declared: "This content may have been generated or synthesised by AI (declared by its publisher)", Suspected: "This content is suspected to have been generated or synthesised by AI"}
	if lang == "en" {
		return en[c]
	}
	return zh[c]
}
