package obligation

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// page is a public page as an outsider gets it.
type page struct {
	URL  string
	Text string // words only, markup and white space removed
	Raw  string
	err  error
}

var (
	errNoPortal = errors.New("the portal is not served now, so its pages cannot be fetched from outside; run the check on the running installation")
	hidden      = regexp.MustCompile(`(?is)<(script|style|template|head)\b.*?</(script|style|template|head)>|<!--.*?-->`)
	tags        = regexp.MustCompile(`(?s)<[^>]*>`)
)

// words reduces text to what a reader could tell apart: no markup, no Markdown marks, no white space.
func words(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune("*_#>`~|-\u00a0", r) {
			return -1
		}
		return r
	}, html.UnescapeString(s))
}

// fetch gets a page of the portal over HTTP like any visitor; path begins with a slash. Anything but 200 is an error.
func (ev Evidence) fetch(ctx context.Context, path string) (page, error) {
	if ev.PortalURL == "" {
		return page{}, errNoPortal
	}
	l := ev.shared()
	url := strings.TrimRight(ev.PortalURL, "/") + path
	if p, ok := l.pages[url]; ok {
		return p, p.err
	}
	if l.pages == nil {
		l.pages = map[string]page{}
	}
	p := ev.get(ctx, url)
	l.pages[url] = p
	return p, p.err
}

func (ev Evidence) get(ctx context.Context, url string) page {
	client := ev.Client
	if client == nil {
		client = &http.Client{Timeout: 5 * time.Second}
	}
	p := page{URL: url}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		p.err = fmt.Errorf("portal page %s: %w", url, err)
		return p
	}
	req.Header.Set("User-Agent", "hegui-check")
	res, err := client.Do(req)
	if err != nil {
		p.err = fmt.Errorf("portal page: %w", err)
		return p
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 2<<20))
	switch {
	case err != nil:
		p.err = fmt.Errorf("portal page %s: %w", url, err)
	case res.StatusCode != http.StatusOK:
		p.err = fmt.Errorf("portal page %s answers %s", url, res.Status)
	default:
		p.Raw = string(body)
		p.Text = words(tags.ReplaceAllString(hidden.ReplaceAllString(p.Raw, " "), " "))
	}
	return p
}

// shows tells whether a reader of the page finds the text.
func (p page) shows(text string) bool {
	w := words(text)
	return w != "" && strings.Contains(p.Text, w)
}

// reached reports a page that cannot be had: unserved is Unknown, an error from outside is a breach of publishing.
func (j *judgement) reached(p page, err error) bool {
	switch {
	case err == nil:
		j.ref(p.URL)
		return true
	case errors.Is(err, errNoPortal):
		j.say(Unknown, "公示站点未在运行，无法从外部取得页面。", "The portal is not running, so its pages could not be fetched from outside.")
		j.mend("在运行中的实例上执行核查。", "Run the check on the running installation.")
	default:
		j.ref(p.URL)
		j.fact("fetch_error", err.Error())
		j.say(Breach, "从外部无法取得公示页面。", "A public page cannot be fetched from outside.")
		j.mend("确认公示站点可以访问。", "Make sure that the portal can be reached.")
	}
	return false
}
