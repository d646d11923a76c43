package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/operator"
)

type loginData struct {
	Login, Next, Wrong string
	First              bool // nobody has a password yet
}

// askLogin sends a person without a session to the log-in page and back afterwards; a program gets 401.
func (c *console) askLogin(v *visit) {
	if strings.HasPrefix(v.r.URL.Path, "/api/") || v.r.URL.Path == "/try/stream" {
		c.site.Fail(v.w, v.r, v.frame, &web.Problem{Status: http.StatusUnauthorized, Key: "login.needed"})
		return
	}
	next := "/"
	if v.r.Method == http.MethodGet {
		next = v.r.URL.RequestURI()
	}
	c.site.Redirect(v.w, v.r, "/login?next="+url.QueryEscape(next))
}

// localPath lets only a path of this site through, so that a log-in link cannot lead elsewhere.
func localPath(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}

func (c *console) loginPage(v *visit) error {
	if v.staff.ID != "" {
		c.site.Redirect(v.w, v.r, "/")
		return nil
	}
	staff, err := c.Staff.List(v.r.Context())
	if err != nil {
		return err
	}
	first := true
	for _, s := range staff {
		first = first && !s.HasPassword
	}
	return c.show(v, "login", loginData{Next: localPath(v.r.URL.Query().Get("next")), First: first})
}

func (c *console) login(v *visit) error {
	next := localPath(v.r.FormValue("next"))
	login := v.r.FormValue("login")
	_, token, err := c.Staff.Login(v.r.Context(), login, v.r.FormValue("password"), v.r.RemoteAddr)
	var throttled *operator.ThrottledError
	switch {
	case errors.Is(err, operator.ErrDenied):
		return c.site.Render(v.w, v.r, http.StatusUnauthorized, "login", v.frame,
			loginData{Login: login, Next: next, Wrong: c.site.Catalogue().T(v.lang, "login.wrong")})
	case errors.As(err, &throttled):
		return &web.Problem{Status: http.StatusTooManyRequests, Key: "login.throttled", Args: []any{int(throttled.Retry/time.Minute) + 1}, Err: err, Retry: throttled.Retry}
	case err != nil:
		return err
	}
	c.site.SetCookie(v.w, v.r, sessionCookie, token, operator.SessionLife)
	c.site.Redirect(v.w, v.r, next)
	return nil
}

type linkData struct {
	Token, Wrong string
	Staff        operator.Staff
}

// linkPage shows whose link it is; only the form on it uses the link up, because mail scanners and chat programs fetch links.
func (c *console) linkPage(v *visit) error {
	token := v.r.URL.Query().Get("t")
	staff, err := c.Staff.PeekLink(v.r.Context(), token)
	if err != nil {
		return linkProblem(err)
	}
	v.frame.Viewer = nil
	return c.show(v, "link", linkData{Token: token, Staff: staff})
}

func linkProblem(err error) error {
	if errors.Is(err, operator.ErrLink) {
		return &web.Problem{Status: http.StatusGone, Key: "link.dead", Err: err}
	}
	return err
}

// useLink logs in, and sets a password when one was given. A password that will not do is refused before the link is used.
func (c *console) useLink(v *visit) error {
	ctx, token, password := v.r.Context(), v.r.FormValue("t"), v.r.FormValue("password")
	staff, err := c.Staff.PeekLink(ctx, token)
	if err != nil {
		return linkProblem(err)
	}
	if password != "" || v.r.FormValue("again") != "" {
		if wrong := c.passwordFault(v, staff.Login, password, v.r.FormValue("again")); wrong != "" {
			v.frame.Viewer = nil
			return c.site.Render(v.w, v.r, http.StatusBadRequest, "link", v.frame, linkData{Token: token, Staff: staff, Wrong: wrong})
		}
	}
	staff, session, err := c.Staff.UseLink(ctx, token, v.r.RemoteAddr)
	if err != nil {
		return linkProblem(err)
	}
	c.site.SetCookie(v.w, v.r, sessionCookie, session, operator.SessionLife)
	if password != "" {
		if err := c.Staff.SetPassword(ctx, staff.ID, password); err != nil {
			return err
		}
		if err := c.Staff.EndSessions(ctx, staff.Actor(), staff.ID, session); err != nil {
			return err
		}
		c.site.SetFlash(v.w, v.r, "good", "flash.password")
	}
	c.site.Redirect(v.w, v.r, "/")
	return nil
}

// passwordFault words what is wrong with a new password, "" when nothing is.
func (c *console) passwordFault(v *visit, login, password, again string) string {
	var bad *operator.InvalidError
	if err := operator.CheckPassword(login, password); errors.As(err, &bad) {
		return c.site.Catalogue().Word(v.lang, "password", bad.Code)
	}
	if password != again {
		return c.site.Catalogue().T(v.lang, "password.differ")
	}
	return ""
}

func (c *console) logout(v *visit) error {
	if err := c.Staff.Logout(v.r.Context(), v.token); err != nil {
		return err
	}
	c.site.SetCookie(v.w, v.r, sessionCookie, "", -1)
	c.site.SetFlash(v.w, v.r, "good", "flash.logged_out")
	c.site.Redirect(v.w, v.r, "/login")
	return nil
}

func (c *console) healthz(v *visit) error {
	return web.JSON(v.w, http.StatusOK, map[string]string{"status": "ok"})
}

type meData struct {
	Wrong string
	Role  operator.Role
}

func (c *console) me(v *visit) error {
	role, _ := operator.RoleByID(v.staff.Role)
	return c.show(v, "me", meData{Role: role})
}

// setPassword changes one's own password. Who has one must give it: an unlocked screen must not be enough.
func (c *console) setPassword(v *visit) error {
	ctx := v.r.Context()
	wrong := c.passwordFault(v, v.staff.Login, v.r.FormValue("password"), v.r.FormValue("again"))
	if wrong == "" && v.staff.HasPassword {
		_, extra, err := c.Staff.Login(ctx, v.staff.Login, v.r.FormValue("old"), v.r.RemoteAddr)
		var throttled *operator.ThrottledError
		switch {
		case errors.Is(err, operator.ErrDenied):
			wrong = c.site.Catalogue().T(v.lang, "password.old")
		case errors.As(err, &throttled):
			return &web.Problem{Status: http.StatusTooManyRequests, Key: "login.throttled", Args: []any{int(throttled.Retry/time.Minute) + 1}, Err: err, Retry: throttled.Retry}
		case err != nil:
			return err
		default:
			if err := c.Staff.Logout(ctx, extra); err != nil {
				return err
			}
		}
	}
	if wrong != "" {
		role, _ := operator.RoleByID(v.staff.Role)
		return c.site.Render(v.w, v.r, http.StatusBadRequest, "me", v.frame, meData{Wrong: wrong, Role: role})
	}
	if err := c.Staff.SetPassword(ctx, v.staff.ID, v.r.FormValue("password")); err != nil {
		return err
	}
	if err := c.Staff.EndSessions(ctx, v.staff.Actor(), v.staff.ID, v.token); err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", "flash.password")
	c.site.Redirect(v.w, v.r, "/settings/me")
	return nil
}
