package console

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/lexicon"
	"github.com/hegui/hegui/moderation"
)

// What the API of the lexicon reads and writes.
type (
	lexiconAnswer struct {
		State   LexiconState    `json:"state"`   // of this process
		Version lexicon.Version `json:"version"` // the newest published
		Draft   lexicon.Draft   `json:"draft"`
		Library lexicon.Library `json:"library"` // coverage of the risks by what is in force here
	}
	entriesAnswer struct {
		Count   int    `json:"count"` // of all that match, whatever the limit
		Entries []word `json:"entries"`
	}
	entriesBody struct {
		Entries []moderation.Entry `json:"entries"`
	}
	idsBody struct {
		IDs []string `json:"ids"`
	}
	importBody struct {
		Name      string            `json:"name"` // of the file; its ending tells the format
		Data      []byte            `json:"data"` // base64
		Category  string            `json:"category"`
		Tier      string            `json:"tier"`
		Map       map[string]string `json:"map"` // risks of categories of the list's own; "-" leaves one out
		Strict    bool              `json:"strict"`
		Overwrite bool              `json:"overwrite"`
		Lint      bool              `json:"lint"`
	}
	draftAnswer struct {
		Draft    lexicon.Draft       `json:"draft"`
		Count    int                 `json:"count"` // of all edits
		Edits    []lexicon.Edit      `json:"edits"` // the first of them
		Concerns []lexicon.OverBlock `json:"concerns"`
	}
	publishBody struct {
		Revision int64  `json:"revision"` // of the draft that was looked at
		Note     string `json:"note"`
	}
	rollbackBody struct {
		N    int    `json:"n"`
		Note string `json:"note"`
	}
	versionBody struct {
		N int `json:"n"`
	}
	rollbackAnswer struct {
		Published bool                `json:"published"`
		Version   *lexicon.Version    `json:"version,omitempty"`  // the new one, with its figures, when it is published
		Rollback  *lexicon.Return     `json:"rollback,omitempty"` // what was measured and now waits for a second person, when it is not
		Concerns  []lexicon.OverBlock `json:"concerns"`           // why it waits
	}
	versionsAnswer struct {
		Count    int               `json:"count"`
		Versions []lexicon.Version `json:"versions"`
		Waiting  *lexicon.Return   `json:"waiting,omitempty"` // an earlier version that waits for a second person
	}
)

// lexiconOperations describes the lexicon's part of the API.
func lexiconOperations() []web.Operation {
	return []web.Operation{
		{Method: "GET", Path: "/api/v1/lexicon", Summary: "The lexicon: what is in force, the draft, coverage of the risks", Answer: lexiconAnswer{}, Status: http.StatusOK},
		{Method: "GET", Path: "/api/v1/lexicon/entries", Summary: "List the entries of the whole lexicon, as the draft has them", Query: [][2]string{{"q", "part of text or note, or an id"}, {"risk", "A1a to A5b"}, {"tier", "block, signal, observe, quarantine, allow"}, {"origin", "starter, configuration, register"}, {"state", "draft, expired, expiring"}, {"offset", "how many to leave out"}, {"limit", "1 to 1000, 100 when empty"}}, Answer: entriesAnswer{}, Status: http.StatusOK},
		{Method: "POST", Path: "/api/v1/lexicon/entries", Summary: "Put entries into the draft", Body: entriesBody{}, Answer: draftAnswer{}, Status: http.StatusOK},
		{Method: "POST", Path: "/api/v1/lexicon/entries/remove", Summary: "Take own entries out in the draft", Body: idsBody{}, Answer: draftAnswer{}, Status: http.StatusOK},
		{Method: "POST", Path: "/api/v1/lexicon/entries/undo", Summary: "Make entries again what they are in the version in force", Body: idsBody{}, Answer: draftAnswer{}, Status: http.StatusOK},
		{Method: "POST", Path: "/api/v1/lexicon/import", Summary: "Read a word list into the draft", Body: importBody{}, Answer: lexicon.Imported{}, Status: http.StatusOK},
		{Method: "GET", Path: "/api/v1/lexicon/draft", Summary: "The draft, what it changes and what was measured of it", Answer: draftAnswer{}, Status: http.StatusOK},
		{Method: "POST", Path: "/api/v1/lexicon/draft/measure", Summary: "Measure the draft", Answer: draftAnswer{}, Status: http.StatusOK},
		{Method: "POST", Path: "/api/v1/lexicon/draft/publish", Summary: "Put the measured draft in force", Body: publishBody{}, Answer: lexicon.Version{}, Status: http.StatusOK},
		{Method: "POST", Path: "/api/v1/lexicon/draft/propose", Summary: "Ask for a second person's approval", Body: publishBody{}, Answer: draftAnswer{}, Status: http.StatusOK},
		{Method: "POST", Path: "/api/v1/lexicon/draft/approve", Summary: "Approve what another person proposed, and put it in force", Body: publishBody{}, Answer: lexicon.Version{}, Status: http.StatusOK},
		{Method: "POST", Path: "/api/v1/lexicon/draft/discard", Summary: "Empty the draft", Answer: draftAnswer{}, Status: http.StatusOK},
		{Method: "GET", Path: "/api/v1/lexicon/versions", Summary: "List the versions, newest first", Answer: versionsAnswer{}, Status: http.StatusOK},
		{Method: "POST", Path: "/api/v1/lexicon/rollback", Summary: "Measure an earlier version and put it in force again; answers 202, and asks for a second person's approval, when more would be refused than now", Body: rollbackBody{}, Answer: rollbackAnswer{}, Status: http.StatusOK},
		{Method: "POST", Path: "/api/v1/lexicon/rollback/approve", Summary: "Approve the earlier version that another person asked for, and put it in force again", Body: versionBody{}, Answer: rollbackAnswer{}, Status: http.StatusOK},
	}
}

func (c *console) apiLexicon(v *visit) error {
	d, err := c.lexiconOverview(v)
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, lexiconAnswer{d.State, d.Version, d.Draft, d.Library})
}

func (c *console) apiEntries(v *visit) error {
	q := v.r.URL.Query()
	number := func(name string, standard, most int) (int, error) {
		text := q.Get(name)
		if text == "" {
			return standard, nil
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > most {
			return 0, invalid(name, "invalid.field", name, "0 … "+strconv.Itoa(most))
		}
		return n, nil
	}
	offset, err := number("offset", 0, lexicon.MaxEntries)
	if err != nil {
		return err
	}
	limit, err := number("limit", wordsPage, 1000)
	if err != nil {
		return err
	}
	list, _, err := c.words(v.r.Context(), filterOfWords(q))
	if err != nil {
		return err
	}
	offset = min(offset, len(list))
	rows := list[offset:min(offset+limit, len(list))]
	if rows == nil {
		rows = []word{}
	}
	return web.JSON(v.w, http.StatusOK, entriesAnswer{len(list), rows})
}

// answerDraft answers with the draft as it now is.
func (c *console) answerDraft(v *visit, err error) error {
	if err != nil {
		return err
	}
	d, err := c.Words.Draft(v.r.Context())
	if err != nil {
		return err
	}
	a := draftAnswer{Draft: d, Count: len(d.Edits), Edits: d.Edits[:min(len(d.Edits), 1000)], Concerns: []lexicon.OverBlock{}}
	if a.Edits == nil {
		a.Edits = []lexicon.Edit{}
	}
	if d.Figures != nil {
		a.Concerns = append(a.Concerns, d.Figures.Concerns()...)
	}
	return web.JSON(v.w, http.StatusOK, a)
}

func (c *console) apiSetEntries(v *visit) error {
	var in entriesBody
	if err := decode(v, &in); err != nil {
		return err
	}
	return c.answerDraft(v, c.Words.Set(v.r.Context(), v.staff.Actor(), in.Entries...))
}

func (c *console) apiRemoveEntries(v *visit) error {
	var in idsBody
	if err := decode(v, &in); err != nil {
		return err
	}
	return c.answerDraft(v, c.Words.Remove(v.r.Context(), v.staff.Actor(), in.IDs...))
}

func (c *console) apiUndoEntries(v *visit) error {
	var in idsBody
	if err := decode(v, &in); err != nil {
		return err
	}
	return c.answerDraft(v, c.Words.Undo(v.r.Context(), v.staff.Actor(), in.IDs...))
}

func (c *console) apiImport(v *visit) error {
	var in importBody
	if err := decode(v, &in); err != nil {
		return err
	}
	report, err := c.importWords(v, in.Name, in.Data, lexicon.ImportOptions{
		ImportOptions: moderation.ImportOptions{Category: in.Category, Tier: moderation.Tier(in.Tier), Map: in.Map, Strict: in.Strict}, Overwrite: in.Overwrite, Lint: in.Lint})
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, report)
}

func (c *console) apiDraft(v *visit) error { return c.answerDraft(v, nil) }

func (c *console) apiMeasure(v *visit) error {
	_, err := c.Words.MeasureDraft(v.r.Context())
	return c.answerDraft(v, err)
}

func (c *console) apiPublish(v *visit) error {
	var in publishBody
	if err := decode(v, &in); err != nil {
		return err
	}
	version, err := c.Words.Publish(v.r.Context(), v.staff.Actor(), in.Revision, in.Note)
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, version)
}

func (c *console) apiPropose(v *visit) error {
	var in publishBody
	if err := decode(v, &in); err != nil {
		return err
	}
	return c.answerDraft(v, c.Words.Propose(v.r.Context(), v.staff.Actor(), in.Revision, in.Note))
}

func (c *console) apiApprove(v *visit) error {
	var in publishBody
	if err := decode(v, &in); err != nil {
		return err
	}
	version, err := c.Words.Approve(v.r.Context(), v.staff.Actor(), in.Revision)
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, version)
}

func (c *console) apiDiscard(v *visit) error {
	return c.answerDraft(v, c.Words.Discard(v.r.Context(), v.staff.Actor()))
}

func (c *console) apiVersions(v *visit) error {
	list, err := c.Words.Versions(v.r.Context())
	if err != nil {
		return err
	}
	if list == nil {
		list = []lexicon.Version{}
	}
	waiting, err := c.Words.Proposed(v.r.Context())
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, versionsAnswer{len(list), list, waiting})
}

func (c *console) apiRollback(v *visit) error {
	var in rollbackBody
	if err := decode(v, &in); err != nil {
		return err
	}
	version, back, err := c.Words.Restore(v.r.Context(), v.staff.Actor(), in.N, in.Note)
	if errors.Is(err, lexicon.ErrNeedsSecond) && back.Proposal != nil {
		return web.JSON(v.w, http.StatusAccepted, rollbackAnswer{Rollback: &back, Concerns: back.Concerns()})
	}
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, rollbackAnswer{Published: true, Version: &version, Concerns: []lexicon.OverBlock{}})
}

func (c *console) apiApproveRollback(v *visit) error {
	var in versionBody
	if err := decode(v, &in); err != nil {
		return err
	}
	version, err := c.Words.ApproveRollback(v.r.Context(), v.staff.Actor(), in.N)
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, rollbackAnswer{Published: true, Version: &version, Concerns: []lexicon.OverBlock{}})
}
