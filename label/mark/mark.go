// Package mark draws the visible mark of generated images and finds it again (GB 45438-2025 5.2: words on an edge or a corner, legible,
// the height of the characters at least 5 % of the shortest side; law_addendum C6: of an image that is no rectangle, the shortest side of
// the rectangle around it). The height is measured on the ink that is drawn, not taken from the font size: the ink of an A is three
// quarters of the size. Pure: no disk, no network, no clock, no goroutines.
//
// It only adds. Nothing here takes a mark away (Labelling Measures Art 10).
package mark

import (
	"errors"
	"fmt"
	"image"
	"strings"
)

// Position of the mark: a corner, or the middle of an edge.
type Position string

// The eight positions.
const (
	BottomRight Position = "bottom-right" // the default
	BottomLeft  Position = "bottom-left"
	TopRight    Position = "top-right"
	TopLeft     Position = "top-left"
	Bottom      Position = "bottom"
	Top         Position = "top"
	Left        Position = "left"
	Right       Position = "right"
)

// Positions are all there are, the default first.
func Positions() []Position {
	return []Position{BottomRight, BottomLeft, TopRight, TopLeft, Bottom, Top, Left, Right}
}

// Words of the mark. Both elements are there (人工智能 or AI; 生成 or 合成), as every worded label must have them.
const (
	FullWords  = "人工智能生成"
	ShortWords = "AI生成"
)

// Numbers of the mark. LeastShare and LeastContrast bind (GB 45438-2025 5.2; WCAG 2.2 1.4.3 stands for "legible"), the others are ours.
const (
	LeastShare    = 0.05  // height of the ink over the shortest side
	LeastContrast = 4.5   // of ink and ground
	usualShare    = 0.055 // so that a smaller copy, measured to the pixel, still has its 5 %
	usualMargin   = 0.02  // between mark and edge, of the shortest side
	goodContrast  = 5.5   // aimed at, so that JPEG's noise does not go below the least
	goodInk       = 14    // pixels, what Chinese characters are easily read at
	leastInk      = 9     // pixels; an A of 9 has a character of 12 beside it, and those are not told apart when smaller
	mostCover     = 0.35  // of the picture's area: a small picture has smaller words, down to leastInk, before they cover more
	fullCover     = 0.12  // of the picture's area: more words than this covers give way to fewer
)

// MaxPixels is the usual limit of an image: width times height, of all frames or pages together.
const MaxPixels = 100_000_000

// Options say how the mark looks. The zero value is the usual mark: 人工智能生成, or AI生成 where that is too long, bottom right.
type Options struct {
	Words      []string // from those wanted to the shortest that will do; each has both elements
	At         Position
	Share      float64 // height of the ink over the shortest side, at least LeastShare; 0: the usual 5.5 %
	Margin     float64 // to the edge, over the shortest side, at most 0.2; 0: the usual 2 %
	Font       []byte  // an operator's font file (TTF, OTF, the first of a TTC) for what the embedded one has not; the two elements stay in the embedded one
	MaxPixels  int64   // 0: MaxPixels
	SameFormat bool    // refuse rather than return PNG for what cannot be written in its own format (WebP)
}

// Report is what was drawn, measured on the pixels.
type Report struct {
	Format   string          `json:"format,omitempty"` // of the file that is returned: png, jpeg, gif, tiff
	Words    string          `json:"words"`            // as drawn, lines parted by "/"
	At       Position        `json:"at"`
	Vertical bool            `json:"vertical,omitempty"` // characters below each other
	Box      image.Rectangle `json:"box"`                // of the mark with its plate, in pixels as the viewer shows the image
	Ink      int             `json:"ink"`                // pixels: height of the lowest character of the two elements
	Share    float64         `json:"share"`              // Ink over the shortest side
	Contrast float64         `json:"contrast"`           // of the ink and the ground around it, WCAG, at the worst pixels
	Already  bool            `json:"already,omitempty"`  // the mark stood there, nothing was drawn
	Frames   int             `json:"frames,omitempty"`   // of an animation, or pages
	Notes    []string        `json:"notes,omitempty"`    // what the caller should know: colours of a palette that gave way, parts left out
}

// Errors of what cannot be done, to be told with errors.Is.
var (
	ErrNoRoom   = errors.New("the mark does not fit at the least size that the rule and legibility allow")
	ErrWords    = errors.New("the words of a mark must have both elements: 人工智能 or AI, and 生成 or 合成")
	ErrOptions  = errors.New("option out of range")
	ErrTooLarge = errors.New("the image is larger than allowed")
)

// settled are the options with the usual values filled in, or what is wrong with them.
func (o Options) settled() (Options, error) {
	if len(o.Words) == 0 {
		o.Words = []string{FullWords, ShortWords}
	}
	for _, w := range o.Words {
		if !hasElements(w) {
			return o, fmt.Errorf("mark: words %q: %w", w, ErrWords)
		}
		if n := len([]rune(w)); n > 60 {
			return o, fmt.Errorf("mark: words of %d characters, at most 60: %w", n, ErrOptions)
		}
	}
	if o.At == "" {
		o.At = BottomRight
	}
	known := false
	for _, p := range Positions() {
		known = known || p == o.At
	}
	if o.Share == 0 {
		o.Share = usualShare
	}
	if o.Margin == 0 {
		o.Margin = usualMargin
	}
	if o.MaxPixels == 0 {
		o.MaxPixels = MaxPixels
	}
	switch {
	case !known:
		return o, fmt.Errorf("mark: position %q is none of %v: %w", o.At, Positions(), ErrOptions)
	case !(o.Share >= LeastShare && o.Share <= 0.5):
		return o, fmt.Errorf("mark: share %g must be from %g (GB 45438-2025 5.2) to 0.5: %w", o.Share, LeastShare, ErrOptions)
	case !(o.Margin > 0 && o.Margin <= 0.2):
		return o, fmt.Errorf("mark: margin %g must be above 0 and at most 0.2: %w", o.Margin, ErrOptions)
	case o.MaxPixels < 0:
		return o, fmt.Errorf("mark: at most %d pixels: %w", o.MaxPixels, ErrOptions)
	}
	return o, nil
}

// Elements of a worded label (GB 45438-2025 ch. 5).
var elements = [...]string{"人工智能", "AI", "生成", "合成"}

func inElement(r rune) bool { return strings.ContainsRune("人工智能AI生成合成", r) }

// hasElements tells whether words have an AI element, as a word of its own, and a generation element.
func hasElements(words string) bool {
	in := elementRunes(words)
	ai, made := false, false
	for i, r := range []rune(words) {
		ai = ai || in[i] && (r == '人' || r == 'A')
		made = made || in[i] && r == '成'
	}
	return ai && made
}

// elementRunes tells for each character whether it belongs to one of the elements; AI is one only where no other Latin letter or digit
// touches it.
func elementRunes(words string) []bool {
	runes := []rune(words)
	in := make([]bool, len(runes))
	for i := range runes {
		for _, e := range elements {
			er := []rune(e)
			if i+len(er) > len(runes) || string(runes[i:i+len(er)]) != e {
				continue
			}
			if e == "AI" && (i > 0 && latin(runes[i-1]) || i+2 < len(runes) && latin(runes[i+2])) {
				continue
			}
			for k := range er {
				in[i+k] = true
			}
		}
	}
	return in
}

func latin(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}
