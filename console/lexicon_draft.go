package console

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/lexicon"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/operator"
)

// maxUpload bounds a word list that is sent to the console, in bytes; longer ones are for hegui lexicon import.
const maxUpload = 64 << 20

// maxBody is the limit of a request's body where it is not the usual one.
func maxBody(r *http.Request) int64 {
	switch r.URL.Path {
	case "/lexicon/import", "/api/v1/lexicon/import", "/content/find":
		return maxUpload
	}
	return 0
}

type importData struct {
	Tab    string
	Can    bool
	Risks  []measures.Risk
	Report *lexicon.Imported
	Max    int // MB
}

// Tiers are those that a list may be given.
func (importData) Tiers() []string { return tiers[:3] }

func (c *console) lexiconImport(v *visit) error {
	return c.show(v, "lexiconimport", importData{Tab: "import", Can: v.staff.Can(operator.ManageLexicon), Risks: measures.Risks(), Max: maxUpload >> 20})
}

// upload is the file that a form brings, whole.
func (v *visit) upload() (name string, data []byte, err error) {
	file, header, err := v.r.FormFile("file")
	if err != nil {
		var tooBig *http.MaxBytesError
		if errors.As(err, &tooBig) {
			return "", nil, err
		}
		return "", nil, invalid("file", "words.no_file")
	}
	defer file.Close()
	defer v.r.MultipartForm.RemoveAll()
	data, err = io.ReadAll(file)
	if err != nil {
		return "", nil, fmt.Errorf("console: upload: %w", err)
	}
	return header.Filename, data, nil
}

func (c *console) importLexicon(v *visit) error {
	name, data, err := v.upload()
	if err != nil {
		return err
	}
	form := v.r.FormValue
	report, err := c.importWords(v, name, data, lexicon.ImportOptions{
		ImportOptions: moderation.ImportOptions{Category: form("category"), Tier: moderation.Tier(form("tier"))}, Overwrite: form("overwrite") != "", Lint: form("lint") != ""})
	if err != nil {
		return err
	}
	return c.show(v, "lexiconimport", importData{Tab: "import", Can: true, Risks: measures.Risks(), Report: &report, Max: maxUpload >> 20})
}

// importWords takes a list into the draft; a list that cannot be read is the sender's to mend.
func (c *console) importWords(v *visit, name string, data []byte, o lexicon.ImportOptions) (lexicon.Imported, error) {
	report, err := c.Words.Import(v.r.Context(), v.staff.Actor(), name, data, o)
	var unread *lexicon.UnreadError
	if errors.As(err, &unread) {
		return report, &web.Problem{Status: http.StatusBadRequest, Field: "file", Key: "words.unread", Args: []any{unread.Error()}, Err: err}
	}
	return report, err
}

type draftData struct {
	Tab    string
	Can    bool
	Me     string
	Draft  lexicon.Draft
	Edits  []lexicon.Edit
	Fresh  bool // measured today
	Limit  float64
	Target float64
	Name   map[string]string
}

func (c *console) lexiconDraft(v *visit) error {
	ctx := v.r.Context()
	d := draftData{Tab: "draft", Can: v.staff.Can(operator.ManageLexicon), Me: v.staff.ID, Limit: measures.OverBlockLimit, Target: measures.OverBlockTarget}
	var err error
	if d.Draft, err = c.Words.Draft(ctx); err != nil {
		return err
	}
	d.Edits = d.Draft.Edits[:min(len(d.Draft.Edits), wordsPage)]
	d.Fresh = d.Draft.Figures != nil && lexicon.Today(d.Draft.Figures.At) == lexicon.Today(c.Now())
	if d.Name, err = c.staffNames(v); err != nil {
		return err
	}
	return c.show(v, "lexicondraft", d)
}

func (c *console) measureDraft(v *visit) error {
	if _, err := c.Words.MeasureDraft(v.r.Context()); err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", "flash.lexicon_measured")
	c.site.Redirect(v.w, v.r, "/lexicon/draft")
	return nil
}

func revision(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, lexicon.ErrRaced // not from our form: whatever was looked at, it was not this draft
	}
	return n, nil
}

func (c *console) publishDraft(v *visit) error {
	n, err := revision(v.r.FormValue("revision"))
	if err != nil {
		return err
	}
	version, err := c.Words.Publish(v.r.Context(), v.staff.Actor(), n, strings.TrimSpace(v.r.FormValue("note")))
	if err != nil {
		return err
	}
	return c.published(v, version)
}

func (c *console) published(v *visit, version lexicon.Version) error {
	c.site.SetFlash(v.w, v.r, "good", "flash.lexicon_published", strconv.Itoa(version.N))
	c.site.Redirect(v.w, v.r, "/lexicon")
	return nil
}

func (c *console) proposeDraft(v *visit) error {
	n, err := revision(v.r.FormValue("revision"))
	if err != nil {
		return err
	}
	if err := c.Words.Propose(v.r.Context(), v.staff.Actor(), n, strings.TrimSpace(v.r.FormValue("note"))); err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", "flash.lexicon_proposed")
	c.site.Redirect(v.w, v.r, "/lexicon/draft")
	return nil
}

func (c *console) approveDraft(v *visit) error {
	n, err := revision(v.r.FormValue("revision"))
	if err != nil {
		return err
	}
	version, err := c.Words.Approve(v.r.Context(), v.staff.Actor(), n)
	if err != nil {
		return err
	}
	return c.published(v, version)
}

func (c *console) discardDraft(v *visit) error {
	if err := c.Words.Discard(v.r.Context(), v.staff.Actor()); err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", "flash.lexicon_discarded")
	c.site.Redirect(v.w, v.r, "/lexicon/draft")
	return nil
}
