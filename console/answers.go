package console

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/hegui/hegui/answers"
	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/operator"
	"github.com/hegui/hegui/service"
)

type answersData struct {
	Can      bool
	List     []answers.Version
	Query    string
	Services []service.Service
	Asked    string // a question to try
	Service  string
	Match    *answers.Match
	Max      int
	Failed   string // why a file was not taken
	Today    string
}

func (c *console) answers(v *visit) error { return c.showAnswers(v, http.StatusOK, "") }

func (c *console) showAnswers(v *visit, status int, failed string) error {
	get := v.r.URL.Query().Get
	d := answersData{Can: v.staff.Can(operator.ManageLexicon), Query: strings.TrimSpace(get("q")), Asked: strings.TrimSpace(get("ask")), Services: c.Services.Services(),
		Max: maxUpload >> 20, Failed: failed, Today: answers.Today(c.Now())}
	list, err := c.Answers.List(v.r.Context())
	if err != nil {
		return err
	}
	for _, x := range list {
		if d.Query == "" || strings.Contains(strings.ToLower(x.ID+"\n"+strings.Join(x.Questions, "\n")+x.ZH+x.EN), strings.ToLower(d.Query)) {
			d.List = append(d.List, x)
		}
	}
	if d.Service = get("service"); d.Service == "" && len(d.Services) > 0 {
		d.Service = d.Services[0].ID
	}
	if d.Asked != "" {
		m, err := c.Answers.Find(v.r.Context(), d.Asked, d.Service)
		if err != nil {
			return err
		}
		d.Match = &m
	}
	return c.site.Render(v.w, v.r, status, "answers", v.frame, d)
}

type answerData struct {
	Can     bool
	Me      string
	New     bool
	Answer  answers.Answer // in the form
	History []answers.Version
	Risks   []measures.Risk
	Name    map[string]string
	Today   string
	Problem string // why the form was not taken
}

// Questions are those of the form, a line each.
func (d answerData) Questions() string { return strings.Join(d.Answer.Questions, "\n") }

// Services are those of the form.
func (d answerData) Services() string { return strings.Join(d.Answer.Services, ", ") }

// Rows is how high the field for the questions is.
func (d answerData) Rows() int { return min(max(len(d.Answer.Questions)+1, 4), 16) }

func (c *console) answer(v *visit) error {
	d := answerData{Can: v.staff.Can(operator.ManageLexicon), Me: v.staff.ID, Risks: measures.Risks(), Today: answers.Today(c.Now())}
	id := v.r.URL.Query().Get("id")
	if d.New = id == ""; d.New && !d.Can {
		return &web.Problem{Status: http.StatusNotFound}
	}
	var err error
	if !d.New {
		if d.History, err = c.Answers.History(v.r.Context(), id); err != nil {
			return err
		}
		d.Answer = d.History[0].Answer
	}
	if d.Name, err = c.staffNames(v); err != nil {
		return err
	}
	return c.show(v, "answer", d)
}

// setAnswer writes a new version. What cannot be taken is shown again with the reason, so that nothing typed is lost.
func (c *console) setAnswer(v *visit) error {
	form := func(name string) string { return strings.TrimSpace(v.r.FormValue(name)) }
	a := answers.Answer{ID: form("id"), Questions: strings.Split(form("questions"), "\n"), ZH: form("zh"), EN: form("en"), Risk: form("risk"), Aspect: form("aspect"),
		Services: strings.FieldsFunc(form("services"), func(r rune) bool { return r == ',' || r == '，' || r == ' ' }), Source: form("source"), From: form("from"), Until: form("until")}
	for i := range a.Questions {
		a.Questions[i] = strings.TrimSpace(a.Questions[i])
	}
	written, err := c.Answers.Set(v.r.Context(), v.staff.Actor(), a)
	if err != nil {
		var bad *answers.InvalidError
		if !errors.As(err, &bad) {
			return err
		}
		d := answerData{Can: true, Me: v.staff.ID, Risks: measures.Risks(), New: form("new") != "", Answer: a, Today: answers.Today(c.Now())}
		d.Problem = c.site.Catalogue().T(v.lang, "invalid.field", bad.Field, bad.Mend)
		return c.site.Render(v.w, v.r, http.StatusBadRequest, "answer", v.frame, d)
	}
	key := "flash.answer_drafted"
	if len(written) == 0 {
		key = "flash.answer_unchanged"
	}
	c.site.SetFlash(v.w, v.r, "good", key, a.ID)
	c.site.Redirect(v.w, v.r, c.path("/answers/answer", "id", a.ID))
	return nil
}

func (c *console) approveAnswer(v *visit) error {
	return c.moveAnswer(v, "flash.answer_approved", func(id string, n int) (answers.Version, error) {
		return c.Answers.Approve(v.r.Context(), v.staff.Actor(), id, n)
	})
}

func (c *console) retireAnswer(v *visit) error {
	return c.moveAnswer(v, "flash.answer_retired", func(id string, n int) (answers.Version, error) {
		return c.Answers.Retire(v.r.Context(), v.staff.Actor(), id, n, v.r.FormValue("reason"))
	})
}

func (c *console) moveAnswer(v *visit, flash string, move func(string, int) (answers.Version, error)) error {
	n, err := strconv.Atoi(v.r.FormValue("n"))
	if err != nil {
		return answers.ErrUnknown
	}
	moved, err := move(v.r.FormValue("id"), n)
	if err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", flash, moved.Ref())
	c.site.Redirect(v.w, v.r, c.path("/answers/answer", "id", moved.ID))
	return nil
}

func (c *console) importAnswers(v *visit) error {
	name, data, err := v.upload()
	if err != nil {
		return err
	}
	list, err := answers.Read(name, data)
	if err != nil { // line by line
		return c.showAnswers(v, http.StatusBadRequest, err.Error())
	}
	written, err := c.Answers.Set(v.r.Context(), v.staff.Actor(), list...)
	if err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", "flash.answers_imported", strconv.Itoa(len(list)), strconv.Itoa(len(written)))
	c.site.Redirect(v.w, v.r, "/answers")
	return nil
}

func (c *console) exportAnswers(v *visit) error {
	format := cmp.Or(v.r.URL.Query().Get("format"), "xlsx")
	if format != "xlsx" && format != "jsonl" {
		return invalid("format", "invalid.field", "format", "xlsx, jsonl")
	}
	list, err := c.Answers.List(v.r.Context())
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(x answers.Version) bool { return x.State != answers.Approved })
	kind := map[string]string{"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "jsonl": "application/x-ndjson"}[format]
	web.Attachment(v.w, kind, "hegui-answers-"+c.Now().In(web.China).Format("20060102-1504")+"."+format)
	return answers.Export(v.w, format, list)
}

// answersRefusal words what the register refuses; nil for other errors.
func answersRefusal(err error) error {
	var bad *answers.InvalidError
	switch {
	case errors.As(err, &bad):
		return &web.Problem{Status: http.StatusBadRequest, Field: bad.Field, Key: "invalid.field", Args: []any{bad.Field, bad.Mend}, Err: err}
	case errors.Is(err, answers.ErrUnknown):
		return &web.Problem{Status: http.StatusNotFound, Err: err}
	case errors.Is(err, answers.ErrSamePerson):
		return &web.Problem{Status: http.StatusConflict, Key: "answers.same_person", Err: err}
	case errors.Is(err, answers.ErrState):
		return &web.Problem{Status: http.StatusConflict, Key: "answers.moved_on", Err: err}
	}
	return nil
}
