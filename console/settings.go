package console

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/operator"
	"github.com/hegui/hegui/service"
	"github.com/hegui/hegui/users"
)

type settingsData struct {
	Provider   service.Provider
	Services   []service.Service
	Models     []service.Model
	Texts      map[string]string // number in force by service
	GatewayURL string
	PortalURL  string
	Lexicon    lexiconData
}

func (c *console) settings(v *visit) error {
	d := settingsData{Provider: c.Services.Provider(), Services: c.Services.Services(), Models: c.Services.Models(), Texts: map[string]string{},
		GatewayURL: c.GatewayURL(), PortalURL: c.PortalURL(), Lexicon: lexiconFacts(c.Lexicon())}
	for _, s := range d.Services {
		if s.Agreement == "" {
			continue
		}
		text, err := c.Services.Text(v.r.Context(), s.Agreement)
		if err != nil {
			return err
		}
		d.Texts[s.ID] = text.Number
	}
	return c.show(v, "settings", d)
}

type keysData struct {
	Keys     []service.Key
	Services []service.Service
	Secret   string // of the key just issued; shown on this one page and never again
	Issued   service.Key
	Wrong    string  // why nothing was issued
	Typed    keyBody // kept when nothing was issued
	Can      bool
	URL      string
	Now      time.Time
}

func (c *console) keysData(v *visit) (keysData, error) {
	keys, err := c.Services.Keys(v.r.Context())
	return keysData{Keys: keys, Services: c.Services.Services(), Can: v.staff.Can(operator.ManageKeys), URL: c.GatewayURL(), Now: c.Now()}, err
}

func (c *console) keys(v *visit) error {
	d, err := c.keysData(v)
	if err != nil {
		return err
	}
	return c.show(v, "keys", d)
}

// newKey checks and issues a key.
func (c *console) newKey(v *visit, serviceID, application, contract, expires string) (service.Key, string, error) {
	k := service.Key{Service: strings.TrimSpace(serviceID), Application: strings.TrimSpace(application), Contract: strings.TrimSpace(contract)}
	if _, ok := c.Services.Service(k.Service); !ok {
		return k, "", invalid("service", "invalid.service", k.Service)
	}
	var err error
	if k.Expires, err = moment("expires", strings.TrimSpace(expires), true); err != nil {
		return k, "", err
	}
	if !k.Expires.IsZero() && !k.Expires.After(c.Now()) {
		return k, "", invalid("expires", "invalid.past", expires)
	}
	k, secret, err := c.Services.IssueKey(v.r.Context(), v.staff.Actor(), k)
	if bad := (*service.InvalidError)(nil); errors.As(err, &bad) && bad.Field == "application" {
		return k, "", invalid("application", "invalid.application")
	}
	return k, secret, err
}

func (c *console) issueKey(v *visit) error {
	in := keyBody{Service: v.r.FormValue("service"), Application: v.r.FormValue("application"), Contract: v.r.FormValue("contract"), Expires: v.r.FormValue("expires")}
	k, secret, wrong := c.newKey(v, in.Service, in.Application, in.Contract, in.Expires)
	p := web.AsProblem(refusal(wrong))
	if wrong != nil && (p.Status != http.StatusBadRequest || p.Key == "") {
		return wrong
	}
	d, err := c.keysData(v)
	if err != nil {
		return err
	}
	if wrong != nil {
		d.Wrong, d.Typed = c.site.Catalogue().T(v.lang, p.Key, p.Args...), in
		return c.site.Render(v.w, v.r, p.Status, "keys", v.frame, d)
	}
	d.Secret, d.Issued = secret, k
	return c.show(v, "keys", d)
}

func (c *console) revokeKey(v *visit) error {
	if err := c.revoke(v, v.r.FormValue("id"), v.r.FormValue("reason")); err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", "flash.key_revoked")
	c.site.Redirect(v.w, v.r, "/settings/keys")
	return nil
}

func (c *console) revoke(v *visit, id, reason string) error {
	if strings.TrimSpace(reason) == "" {
		return invalid("reason", "invalid.reason")
	}
	return c.Services.RevokeKey(v.r.Context(), v.staff.Actor(), id, strings.TrimSpace(reason))
}

func (c *console) apiKeys(v *visit) error {
	keys, err := c.Services.Keys(v.r.Context())
	if err != nil {
		return err
	}
	if keys == nil {
		keys = []service.Key{}
	}
	return web.JSON(v.w, http.StatusOK, keysAnswer{len(keys), keys})
}

func (c *console) apiIssueKey(v *visit) error {
	var in keyBody
	if err := decode(v, &in); err != nil {
		return err
	}
	k, secret, err := c.newKey(v, in.Service, in.Application, in.Contract, in.Expires)
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusCreated, keyAnswer{k, secret})
}

func (c *console) apiRevokeKey(v *visit) error {
	var in revokeBody
	if err := decode(v, &in); err != nil {
		return err
	}
	if err := c.revoke(v, in.ID, in.Reason); err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, idAnswer{in.ID})
}

type usersData struct {
	Services []service.Service
	Service  string
	Name     string
	Users    []users.User
	Counts   users.Counts
	Next     string
	First    bool
	Can      bool
	Now      time.Time
}

// usersScan bounds how many users a search by name reads.
const usersScan = 20000

func (c *console) users(v *visit) error {
	ctx, q := v.r.Context(), v.r.URL.Query()
	d := usersData{Services: c.Services.Services(), Service: q.Get("service"), Name: strings.TrimSpace(q.Get("name")), Can: v.staff.Can(operator.ManageUsers), Now: c.Now()}
	after := q.Get("after")
	d.First = after == ""
	if d.Service == "" && len(d.Services) > 0 {
		d.Service = d.Services[0].ID
	}
	if d.Service == "" {
		return c.show(v, "users", d)
	}
	s, ok := c.Services.Service(d.Service)
	if !ok {
		return invalid("service", "invalid.service", d.Service)
	}
	var err error
	if d.Counts, err = c.Users.Counts(ctx, s.ID, s.Agreement); err != nil {
		return err
	}
	if d.Name == "" {
		if d.Users, err = c.Users.List(ctx, s.ID, after, pageSize+1); err != nil {
			return err
		}
		if len(d.Users) > pageSize {
			d.Users = d.Users[:pageSize]
			d.Next = d.Users[pageSize-1].Subject
		}
		return c.show(v, "users", d)
	}
	if u, err := c.Users.Lookup(ctx, s.ID, d.Name); err == nil {
		d.Users = []users.User{u}
		return c.show(v, "users", d)
	} else if !errors.Is(err, users.ErrUnknown) {
		return err
	}
	// Nobody has exactly this name: look for it inside names and pseudonyms.
	for read := 0; read < usersScan && len(d.Users) < pageSize; {
		page, err := c.Users.List(ctx, s.ID, after, 500)
		if err != nil {
			return err
		}
		for _, u := range page {
			if u.Subject == d.Name || strings.Contains(strings.ToLower(u.Name), strings.ToLower(d.Name)) {
				d.Users = append(d.Users, u)
			}
		}
		if read += len(page); len(page) < 500 {
			break
		}
		after = page[len(page)-1].Subject
	}
	return c.show(v, "users", d)
}

func (c *console) suspendUser(v *visit) error {
	subject, reason := v.r.FormValue("subject"), strings.TrimSpace(v.r.FormValue("reason"))
	if reason == "" {
		return invalid("reason", "invalid.reason")
	}
	until, err := moment("until", strings.TrimSpace(v.r.FormValue("until")), true)
	if err != nil {
		return err
	}
	if !until.IsZero() && !until.After(c.Now()) {
		return invalid("until", "invalid.past", v.r.FormValue("until"))
	}
	u, err := c.Users.Get(v.r.Context(), subject)
	if err != nil {
		return err
	}
	decision, err := c.Users.Suspend(v.r.Context(), v.staff.Actor(), subject, reason, until)
	if err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", "flash.suspended", decision)
	c.site.Redirect(v.w, v.r, c.usersPath(u))
	return nil
}

func (c *console) liftUser(v *visit) error {
	subject, reason := v.r.FormValue("subject"), strings.TrimSpace(v.r.FormValue("reason"))
	if reason == "" {
		return invalid("reason", "invalid.reason")
	}
	u, err := c.Users.Get(v.r.Context(), subject)
	if err != nil {
		return err
	}
	decision, err := c.Users.Lift(v.r.Context(), v.staff.Actor(), subject, reason)
	if err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", "flash.lifted", decision)
	c.site.Redirect(v.w, v.r, c.usersPath(u))
	return nil
}

func (c *console) usersPath(u users.User) string {
	return strings.TrimPrefix(c.site.URL("/settings/users", "service", u.Service), c.Base)
}

type staffData struct {
	Staff []operator.Staff
	Roles []operator.Role
	Link  string // just issued; shown once
	For   operator.Staff
	Me    string
}

func (c *console) staffData(v *visit) (staffData, error) {
	list, err := c.Staff.List(v.r.Context())
	return staffData{Staff: list, Roles: operator.Roles, Me: v.staff.ID}, err
}

func (c *console) staffPage(v *visit) error {
	d, err := c.staffData(v)
	if err != nil {
		return err
	}
	return c.show(v, "staff", d)
}

// staffProblem words the register's refusals.
func staffProblem(err error) error {
	var bad *operator.InvalidError
	switch {
	case errors.As(err, &bad):
		return invalid(bad.Field, "staff.bad."+bad.Field)
	case errors.Is(err, operator.ErrLoginTaken):
		return &web.Problem{Status: http.StatusConflict, Field: "login", Key: "staff.taken", Err: err}
	case errors.Is(err, operator.ErrLastOwner):
		return &web.Problem{Status: http.StatusConflict, Key: "staff.last_owner", Err: err}
	case errors.Is(err, operator.ErrUnknown):
		return &web.Problem{Status: http.StatusNotFound, Err: err}
	}
	return err
}

func (c *console) addStaff(v *visit) error {
	s, err := c.Staff.Add(v.r.Context(), v.staff.Actor(), operator.Staff{Login: v.r.FormValue("login"), Name: v.r.FormValue("name"), Role: v.r.FormValue("role")})
	if err != nil {
		return staffProblem(err)
	}
	return c.showLink(v, s)
}

func (c *console) linkStaff(v *visit) error {
	s, err := c.Staff.Get(v.r.Context(), v.r.FormValue("id"))
	if err != nil {
		return staffProblem(err)
	}
	return c.showLink(v, s)
}

// showLink issues a one-time link and shows it on this one page.
func (c *console) showLink(v *visit, s operator.Staff) error {
	token, err := c.Staff.Link(v.r.Context(), v.staff.Actor(), s.ID)
	if err != nil {
		return staffProblem(err)
	}
	d, err := c.staffData(v)
	if err != nil {
		return err
	}
	scheme := "http://"
	if v.r.TLS != nil || v.r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https://"
	}
	d.Link, d.For = scheme+v.r.Host+c.site.URL("/link", "t", token), s
	return c.show(v, "staff", d)
}

func (c *console) disableStaff(v *visit) error {
	disabled := v.r.FormValue("disabled") == "true"
	if err := c.Staff.SetDisabled(v.r.Context(), v.staff.Actor(), v.r.FormValue("id"), disabled); err != nil {
		return staffProblem(err)
	}
	key := "flash.staff_enabled"
	if disabled {
		key = "flash.staff_disabled"
	}
	c.site.SetFlash(v.w, v.r, "good", key)
	c.site.Redirect(v.w, v.r, "/settings/staff")
	return nil
}
