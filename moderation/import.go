package moderation

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
)

// Layout is how a word list is written.
type Layout string

const (
	Auto  Layout = ""      // told by the name's ending and the first lines
	Lines Layout = "lines" // an entry a line; a weight may follow, a+b joins parts
	Sheet Layout = "table" // CSV or TSV with a header
	JSON  Layout = "json"  // an array of strings or of entries, or one of them a line
)

// Limits of one import, ours: a list beyond them is refused before it takes memory.
const (
	MaxImportBytes   = 256 << 20
	MaxImportEntries = 1_000_000
	MaxImportLines   = 2_000_000
	maxProblems      = 100
	maxErrors        = 20 // that refuse a list; more help nobody
)

// ImportOptions says how a list is read.
type ImportOptions struct {
	Layout   Layout
	Category string            // risk of entries that name none; empty: they are set aside in quarantine if they name a foreign one, refused if none
	Tier     Tier              // of entries that name none; signal when empty
	Map      map[string]string // foreign categories to risks, before the built-in table; a risk "-" leaves entries of that category out
	Strict   bool              // refuse the whole list at the first problems, in place of setting lines aside
	Owner    string            // of entries that name none
}

// Problem is a line that was set aside.
type Problem struct {
	Line  int    `json:"line"`
	Field string `json:"field"`
	Value string `json:"value"` // its beginning
	Mend  string `json:"mend"`
}

func (p Problem) String() string {
	return fmt.Sprintf("line %d: %s %q: %s", p.Line, p.Field, p.Value, p.Mend)
}

// ImportReport tells what became of every line. Lines = Taken + Duplicates + Blank + Left + SetAside.
type ImportReport struct {
	Name       string         `json:"name"`
	Encoding   string         `json:"encoding"` // utf-8, utf-16, gb18030
	Layout     Layout         `json:"layout"`
	Lines      int            `json:"lines"`
	Taken      int            `json:"taken"`
	Duplicates int            `json:"duplicates"` // the same as an earlier one after folding
	Blank      int            `json:"blank"`      // and comments
	Left       int            `json:"left"`       // of categories mapped to "-"
	SetAside   int            `json:"set_aside"`
	Problems   []Problem      `json:"problems,omitempty"` // the first of those set aside
	Unmapped   map[string]int `json:"unmapped,omitempty"` // foreign categories without a risk, with their entries
	Quarantine int            `json:"quarantine"`         // taken in quarantine, because their category has no risk
	Given      string         `json:"given,omitempty"`    // risk that entries of unmapped categories were given instead
	Unread     int            `json:"unread,omitempty"`   // columns of a table without headings whose meaning is not known
}

// Imported is a list that was read.
type Imported struct {
	Entries []Entry
	Report  ImportReport
}

// ErrImport is wrapped by errors of Import that refuse a whole list.
var ErrImport = errors.New("moderation: the list was not taken")

//go:embed mapping.json
var mappingTable []byte

// mapping is the built-in table of foreign categories.
var mapping = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	if err := json.Unmarshal(mappingTable, &m); err != nil {
		panic("moderation: mapping.json: " + err.Error()) // built in, and read by a test
	}
	return m
})

// Import reads a word list as it is found in the world: text, CSV, TSV or JSON, in UTF-8, UTF-16 or GB18030, with or
// without a header, weights, categories of its author's own. What cannot be used is set aside and told of by line; the rest
// is taken. An entry without an id gets one made from its folded text, so that importing twice gives the same ids. The
// file's name tells its format, and its category where the lines do not (色情词库.txt).
func Import(name string, data []byte, o ImportOptions) (Imported, error) {
	base := path.Base(strings.ReplaceAll(name, "\\", "/"))
	if len(data) > MaxImportBytes {
		return Imported{}, fmt.Errorf("%w: %s has %d MB; split it into lists of at most %d MB", ErrImport, base, len(data)>>20, MaxImportBytes>>20)
	}
	text, encoding, err := decodeList(data)
	if err != nil {
		return Imported{}, fmt.Errorf("%w: %s: %w", ErrImport, base, err)
	}
	if n := bytes.Count(text, []byte("\n")); n > MaxImportLines {
		return Imported{}, fmt.Errorf("%w: %s has %d lines; at most %d are read, split the list before line %d", ErrImport, base, n, MaxImportLines, MaxImportLines)
	}
	layout := o.Layout
	if layout == Auto {
		layout = guessLayout(base, text)
	}
	im, err := newImporter(base, o)
	if err != nil {
		return Imported{}, err
	}
	im.report.Encoding, im.report.Layout = encoding, layout
	switch layout {
	case Lines:
		err = im.lines(text)
	case Sheet:
		err = im.sheet(text)
	case JSON:
		err = im.json(text)
	default:
		err = fmt.Errorf("layout %q: must be lines, table or json", layout)
	}
	return im.done(err)
}

// ImportRows reads a sheet whose first row is the header, such as one of a workbook.
func ImportRows(name string, rows [][]string, o ImportOptions) (Imported, error) {
	im, err := newImporter(path.Base(name), o)
	if err != nil {
		return Imported{}, err
	}
	im.report.Encoding, im.report.Layout = "utf-8", Sheet
	if len(rows) == 0 {
		return im.done(errors.New("it is empty"))
	}
	h, ok := header(rows[0])
	if !ok { // no header: the first column is the text
		h = columns{"text": 0}
		rows = slices.Concat([][]string{{"text"}}, rows)
	}
	for i, row := range rows[1:] {
		if err := im.row(i+2, h, row); err != nil {
			return im.done(err)
		}
	}
	return im.done(nil)
}

// importer collects entries of one list.
type importer struct {
	o        ImportOptions
	category string // of the file's name
	table    *[foldLimit]rune
	texts    map[string]bool
	ids      map[string]int
	entries  []Entry
	report   ImportReport
}

func newImporter(base string, o ImportOptions) (*importer, error) {
	if o.Tier == "" {
		o.Tier = Signal
	}
	if o.Category != "" && !isRisk(o.Category) {
		return nil, fmt.Errorf("%w: category %q: must be one of the 31 risks, A1a to A5b", ErrImport, o.Category)
	}
	switch o.Tier {
	case Block, Signal, Observe, Quarantine:
	default:
		return nil, fmt.Errorf("%w: tier %q: must be block, signal, observe or quarantine", ErrImport, o.Tier)
	}
	for foreign, risk := range o.Map {
		if risk != "-" && !isRisk(risk) {
			return nil, fmt.Errorf("%w: map %q to %q: must be one of the 31 risks, or - to leave such entries out", ErrImport, foreign, risk)
		}
	}
	im := &importer{o: o, table: folds(), texts: map[string]bool{}, ids: map[string]int{}, report: ImportReport{Name: base, Unmapped: map[string]int{}}}
	name := strings.TrimSuffix(base, path.Ext(base))
	for _, suffix := range []string{"词库", "类型", "词", "库"} {
		name = strings.TrimSuffix(name, suffix)
	}
	if risk, ok := im.risk(name); ok {
		im.category = risk
	}
	return im, nil
}

// risk maps a category, ours or foreign, to a risk. ok is false for one that no table knows.
func (im *importer) risk(name string) (string, bool) {
	key := strings.ToLower(strings.TrimSpace(name))
	for foreign, risk := range im.o.Map {
		if strings.ToLower(foreign) == key {
			return risk, true
		}
	}
	if len(key) == 3 && isRisk("A"+key[1:]) && key[0] == 'a' {
		return "A" + key[1:], true
	}
	risk, ok := mapping()[key]
	return risk, ok
}

// errEnough stops reading after a problem that refuses the list.
var errEnough = errors.New("too many problems")

// aside notes a line that cannot be taken.
func (im *importer) aside(line int, field, value, mend string) error {
	im.report.SetAside++
	if len(im.report.Problems) < maxProblems {
		im.report.Problems = append(im.report.Problems, Problem{line, field, cutText(strings.TrimSpace(value), 40), cutText(mend, 160)})
	}
	if im.o.Strict && len(im.report.Problems) >= maxErrors {
		return errEnough
	}
	return nil
}

func cutText(s string, runes int) string {
	n := 0
	for i := range s {
		if n++; n > runes {
			return s[:i] + "…"
		}
	}
	return s
}

// add takes an entry; foreign is its category as its author has it.
func (im *importer) add(line int, e Entry, foreign string) error {
	if !e.Allow {
		switch risk, ok := im.risk(foreign); {
		case foreign != "" && ok && risk == "-":
			im.report.Left++
			return nil
		case foreign != "" && ok:
			e.Category = risk
		case foreign != "" && im.o.Strict:
			return im.aside(line, "category", foreign, "is none of the 31 risks, A1a to A5b, and no table maps it to one")
		case foreign != "":
			im.report.Unmapped[foreign]++
			im.report.Given = im.o.Category
			if e.Category = im.o.Category; e.Category == "" {
				e.Category, e.Tier = "A1h", Quarantine
				e.Note = strings.TrimSpace(e.Note + " category: " + foreign)
			}
		case e.Category != "":
		case im.o.Category != "":
			e.Category = im.o.Category
		case im.category == "-":
			im.report.Left++
			return nil
		case im.category != "":
			e.Category = im.category
		default:
			return im.aside(line, "category", "", "the list names none: say which risk its entries belong to, A1a to A5b")
		}
		if e.Tier == "" {
			e.Tier = im.o.Tier
		}
	}
	folded := string(foldText(im.table, e.Text))
	if err := CheckEntry(e); err != nil {
		return im.aside(line, "entry", e.Text, err.Error())
	}
	key := folded + "\x00" + string(e.Kind)
	if e.Allow {
		key += "\x00allow"
	}
	if im.texts[key] {
		im.report.Duplicates++
		return nil
	}
	if e.ID == "" {
		sum := sha256.Sum256([]byte(strings.TrimSuffix(key, "\x00")))
		e.ID = "t-" + hex.EncodeToString(sum[:6])
	}
	if before, taken := im.ids[e.ID]; taken {
		return im.aside(line, "id", e.ID, fmt.Sprintf("already taken on line %d", before))
	}
	if len(im.entries) == MaxImportEntries {
		return fmt.Errorf("line %d: more than %d entries; split the list", line, MaxImportEntries)
	}
	if e.Source == "" {
		e.Source = fmt.Sprintf("%s:%d", im.report.Name, line)
	}
	if e.Owner == "" {
		e.Owner = im.o.Owner
	}
	im.texts[key], im.ids[e.ID] = true, line
	if e.Tier == Quarantine {
		im.report.Quarantine++
	}
	im.entries = append(im.entries, e)
	return nil
}

// done closes the report.
func (im *importer) done(err error) (Imported, error) {
	r := &im.report
	r.Taken = len(im.entries)
	if len(r.Unmapped) == 0 {
		r.Unmapped = nil
	}
	switch {
	case errors.Is(err, errEnough), err == nil && im.o.Strict && r.SetAside > 0:
		errs := make([]error, 0, maxErrors)
		for _, p := range r.Problems[:min(len(r.Problems), maxErrors)] {
			errs = append(errs, errors.New(p.String()))
		}
		return Imported{Report: *r}, fmt.Errorf("%w: %s: %w", ErrImport, r.Name, errors.Join(errs...))
	case err != nil:
		return Imported{Report: *r}, fmt.Errorf("%w: %s: %w", ErrImport, r.Name, err)
	case r.Taken == 0 && len(r.Problems) > 0:
		return Imported{Report: *r}, fmt.Errorf("%w: %s: nothing in it can be used; %s", ErrImport, r.Name, r.Problems[0])
	case r.Taken == 0:
		return Imported{Report: *r}, fmt.Errorf("%w: %s holds no entries", ErrImport, r.Name)
	}
	return Imported{Entries: im.entries, Report: *r}, nil
}

// Mapping is the built-in table of foreign categories, for people to look through.
func Mapping() map[string]string { return maps.Clone(mapping()) }
