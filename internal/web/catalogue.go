package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// Lang is a language of the pages: ZH or EN.
type Lang string

const (
	ZH Lang = "zh"
	EN Lang = "en"
)

// Langs lists the languages, the preferred one first.
var Langs = [...]Lang{ZH, EN}

// Tag is the language's BCP 47 tag, for the lang attribute (it decides which Han glyphs the browser draws).
func (l Lang) Tag() string {
	if l == EN {
		return "en"
	}
	return "zh-CN"
}

// Other is the language that the switch on every page leads to.
func (l Lang) Other() Lang {
	if l == EN {
		return ZH
	}
	return EN
}

// Pick returns the text for l, and the other when that one is empty: better foreign than blank.
func (l Lang) Pick(zh, en string) string {
	if (l == EN && en != "") || zh == "" {
		return en
	}
	return zh
}

// Catalogue holds every worded text of a site, by language and key.
type Catalogue struct {
	texts map[Lang]map[string]string
}

// verbs finds formatting directives, so that both languages can be held to the same ones in the same order.
var verbs = regexp.MustCompile(`%(?:\[\d+\])?[-+# 0]*\d*(?:\.\d+)?[a-zA-Z%]`)

// LoadCatalogue reads i18n/zh.json and i18n/en.json of every directory. It refuses a key that stands twice, is missing in
// one language, is empty, or has different verbs in the two: a page must never fall back to a key or to %!d(MISSING).
func LoadCatalogue(dirs ...fs.FS) (*Catalogue, error) {
	c := &Catalogue{texts: map[Lang]map[string]string{}}
	var errs []error
	for _, l := range Langs {
		c.texts[l] = map[string]string{}
		for _, dir := range dirs {
			name := "i18n/" + string(l) + ".json"
			data, err := fs.ReadFile(dir, name)
			if err != nil {
				return nil, fmt.Errorf("web: catalogue: %w", err)
			}
			part, err := readFlat(data)
			if err != nil {
				return nil, fmt.Errorf("web: catalogue %s: %w", name, err)
			}
			for k, v := range part {
				if _, twice := c.texts[l][k]; twice {
					errs = append(errs, fmt.Errorf("%s: key %q stands twice", name, k))
				}
				if strings.TrimSpace(v) == "" {
					errs = append(errs, fmt.Errorf("%s: key %q is empty", name, k))
				}
				c.texts[l][k] = v
			}
		}
	}
	for _, l := range Langs {
		other := c.texts[l.Other()]
		for _, k := range slices.Sorted(maps.Keys(c.texts[l])) {
			v, ok := other[k]
			if !ok {
				errs = append(errs, fmt.Errorf("key %q is in %s and not in %s", k, l, l.Other()))
			} else if a, b := verbs.FindAllString(c.texts[l][k], -1), verbs.FindAllString(v, -1); l == ZH && !sameVerbs(a, b) {
				errs = append(errs, fmt.Errorf("key %q: verbs %v in zh and %v in en", k, a, b))
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("web: catalogue: %w", err)
	}
	return c, nil
}

// sameVerbs compares in order, or as sets when they are indexed (%[2]s), which may be reordered.
func sameVerbs(a, b []string) bool {
	if slices.ContainsFunc(append(slices.Clone(a), b...), func(v string) bool { return strings.HasPrefix(v, "%[") }) {
		slices.Sort(a)
		slices.Sort(b)
	}
	return slices.Equal(a, b)
}

// readFlat reads one JSON object of strings and, unlike json.Unmarshal, refuses a key that stands twice in it.
func readFlat(data []byte) (map[string]string, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.Join(errors.New("want one object of strings"), err)
	}
	m := map[string]string{}
	for dec.More() {
		kt, err := dec.Token()
		if err != nil {
			return nil, err
		}
		k, _ := kt.(string)
		var v string
		if err := dec.Decode(&v); err != nil {
			return nil, fmt.Errorf("key %q: %w", k, err)
		}
		if _, twice := m[k]; twice {
			return nil, fmt.Errorf("key %q stands twice", k)
		}
		m[k] = v
	}
	_, err := dec.Token()
	return m, err
}

// Has tells whether key exists.
func (c *Catalogue) Has(key string) bool {
	_, ok := c.texts[ZH][key]
	return ok
}

// HasPrefix tells whether any key begins with prefix.
func (c *Catalogue) HasPrefix(prefix string) bool {
	for k := range c.texts[ZH] {
		if strings.HasPrefix(k, prefix) {
			return true
		}
	}
	return false
}

// T returns the text of key in l, args put in. A key nobody declared is returned as it is; New makes sure that no
// template names one.
func (c *Catalogue) T(l Lang, key string, args ...any) string {
	text, ok := c.texts[l][key]
	if !ok {
		return key
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// Word returns the text of prefix.value, and value itself when it is not in the catalogue: codes that come from data
// (verdicts, verbs, categories) are shown in words where we have them and never hidden where we do not.
func (c *Catalogue) Word(l Lang, prefix string, value any) string {
	v := fmt.Sprint(value)
	if text, ok := c.texts[l][prefix+"."+v]; ok {
		return text
	}
	return v
}

// words returns all texts of one family as a JSON object by code, for a page's script.
func (c *Catalogue) words(l Lang, prefix string) (string, error) {
	family := map[string]string{}
	for k, v := range c.texts[l] {
		if code, ok := strings.CutPrefix(k, prefix+"."); ok {
			family[code] = v
		}
	}
	if len(family) == 0 {
		return "", fmt.Errorf("web: no text begins with %q", prefix+".")
	}
	b, err := json.Marshal(family)
	return string(b), err
}

const langCookie = "hegui_lang"

// ChooseLang settles the language of a request: ?lang= before the cookie before Accept-Language before Chinese.
func ChooseLang(r *http.Request) Lang {
	if l, ok := parseLang(r.URL.Query().Get("lang")); ok {
		return l
	}
	if c, err := r.Cookie(langCookie); err == nil {
		if l, ok := parseLang(c.Value); ok {
			return l
		}
	}
	tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil || len(tags) == 0 {
		return ZH
	}
	_, i, confidence := language.NewMatcher([]language.Tag{language.Chinese, language.English}).Match(tags...)
	if confidence == language.No {
		return EN // a reader of neither is likelier to read English
	}
	return Langs[i]
}

func parseLang(s string) (Lang, bool) {
	i := slices.Index(Langs[:], Lang(s))
	return Lang(s), i >= 0
}
