package console

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hegui/hegui/function"
	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/operator"
	"github.com/hegui/hegui/service"
)

// Functions of services: their class, who decided whether the public may be confused, their assessment, and what interfaces attest.

type functionsData struct {
	Services   []functionsOf
	Interfaces []function.Interface
	Consents   []function.Record
	Can        bool
	Name       map[string]string // of staff, by id
	Form       map[string]string
	Problem    string
	Today      string
}

type functionsOf struct {
	service.Service
	States []function.State
}

const (
	interfaceDays = 30
	consentsShown = 50
)

func (c *console) functions(v *visit) error {
	return c.showFunctions(v, http.StatusOK, functionsData{Form: map[string]string{}})
}

func (c *console) showFunctions(v *visit, status int, d functionsData) error {
	d.Can, d.Today = v.staff.Can(operator.ManageFunctions), c.Now().In(web.China).Format(time.DateOnly)
	for _, s := range c.Services.Services() {
		states, err := c.Functions.States(v.r.Context(), s)
		if err != nil {
			return err
		}
		d.Services = append(d.Services, functionsOf{s, states})
	}
	var err error
	if d.Interfaces, err = c.Functions.Interfaces(v.r.Context(), c.Now().AddDate(0, 0, -interfaceDays)); err != nil {
		return err
	}
	if d.Consents, err = c.Functions.List(v.r.Context(), function.Consent, "", consentsShown); err != nil {
		return err
	}
	if d.Name, err = c.staffNames(v); err != nil {
		return err
	}
	return c.site.Render(v.w, v.r, status, "functions", v.frame, d)
}

// ClassName is the class of a function in words.
func (functionsData) ClassName(id string, lang web.Lang) string {
	all := function.Classes()
	i := slices.IndexFunc(all, func(c function.Class) bool { return c.ID == id })
	switch {
	case i < 0:
		return id
	case lang == web.ZH:
		return all[i].ZH
	}
	return all[i].EN
}

func (c *console) decideFunction(v *visit) error {
	return c.recordFunction(v, "flash.function_decided", function.Record{Kind: function.Decision, Confusing: v.r.FormValue("confusing") != "no", Reason: strings.TrimSpace(v.r.FormValue("reason"))})
}

func (c *console) assessFunction(v *visit) error {
	return c.recordFunction(v, "flash.function_assessed", function.Record{Kind: function.Assessment, Document: strings.TrimSpace(v.r.FormValue("document")),
		Assessor: strings.TrimSpace(v.r.FormValue("assessor")), On: strings.TrimSpace(v.r.FormValue("on"))})
}

func (c *console) recordFunction(v *visit, flash string, x function.Record) error {
	x.Function = v.r.FormValue("function")
	s, ok := c.Services.Service(v.r.FormValue("service"))
	if !ok {
		return &web.Problem{Status: http.StatusNotFound}
	}
	_, err := c.Functions.Decide(v.r.Context(), v.staff.Actor(), s, x)
	var bad *function.InvalidError
	if errors.As(err, &bad) {
		form := map[string]string{"at": s.ID + "/" + x.Function, "kind": string(x.Kind)}
		for _, name := range []string{"reason", "document", "assessor", "on", "confusing"} {
			form[name] = v.r.FormValue(name)
		}
		return c.showFunctions(v, http.StatusBadRequest, functionsData{Form: form, Problem: c.site.Catalogue().T(v.lang, "invalid.field", bad.Field, bad.Mend)})
	}
	if err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", flash, s.ID+"/"+x.Function)
	c.site.Redirect(v.w, v.r, "/functions")
	return nil
}

// functionRefusal words what the register refuses; nil for other errors.
func functionRefusal(err error) error {
	var bad *function.InvalidError
	switch {
	case errors.As(err, &bad):
		return &web.Problem{Status: http.StatusBadRequest, Field: bad.Field, Key: "invalid.field", Args: []any{bad.Field, bad.Mend}, Err: err}
	case errors.Is(err, function.ErrUnknown):
		return &web.Problem{Status: http.StatusNotFound, Err: err}
	}
	return nil
}
